"""The same count over the same objects, fetched as a build fetches them.

Usage: stedi_fetch.py BUCKET CACHE
"""

import sys

from stedi.contracts import TABLES
from stedi.engine import Engine
from stedi.listing import list_feed
from stedi.storage import Options, open_storage

feed = TABLES["accelerometer_landing"]
with Engine() as engine:
    storage = open_storage(f"s3://{sys.argv[1]}", Options(cache_dir=sys.argv[2]))
    listing = list_feed(storage, feed)
    engine.view_json(feed, list(storage.fetch(listing.files).values()))
    print(engine.run("count", "select count(*), sum(x) from accelerometer_landing"))
