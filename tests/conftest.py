"""How the tests run: time zone, and how much hypothesis tries.

`HYPOTHESIS_PROFILE` chooses: `ci` (the default where `CI` is set) tries 300 examples a law, always the same ones, so
that a red run is about the change; `dev` tries fewer and always others; `debug` says what it tries.
"""

from __future__ import annotations

import os
import time

from hypothesis import HealthCheck, Verbosity, settings

os.environ["TZ"] = "UTC"
time.tzset()

# a law builds whole lakes: how long one takes says nothing, and drawing a landing folder may take a while
settings.register_profile(
    "base", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.register_profile(
    "ci", parent=settings.get_profile("base"), max_examples=300, derandomize=True, print_blob=True
)
settings.register_profile("dev", parent=settings.get_profile("base"), max_examples=40)
settings.register_profile("debug", parent=settings.get_profile("dev"), max_examples=10, verbosity=Verbosity.verbose)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))
