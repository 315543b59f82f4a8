"""What a Glue job imports as `awsglueml`."""
