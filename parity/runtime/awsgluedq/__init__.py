"""What a Glue job imports as `awsgluedq`: data quality rules."""
