"""Every object of a bucket, fetched side by side as somebody would with boto3's transfer manager; nothing checked.

Usage: boto3_download.py BUCKET FOLDER
"""

import sys
from pathlib import Path

import boto3
from boto3.s3.transfer import TransferConfig, create_transfer_manager

bucket, folder = sys.argv[1], Path(sys.argv[2])
client = boto3.client("s3")
manager = create_transfer_manager(client, TransferConfig(max_concurrency=16))
futures = []
for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
    for item in page.get("Contents", ()):
        target = folder / item["Key"]
        target.parent.mkdir(parents=True, exist_ok=True)
        futures.append(manager.download(bucket, item["Key"], str(target)))
for future in futures:
    future.result()
manager.shutdown()
