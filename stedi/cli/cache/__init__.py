"""The commands about what was fetched from S3."""
