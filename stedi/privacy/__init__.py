"""Proof that personal data are where they belong: `audit` gives the certificate of a lake."""

from stedi.privacy.audit import audit
from stedi.privacy.certificate import Certificate

__all__ = ["Certificate", "audit"]
