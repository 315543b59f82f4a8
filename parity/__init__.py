"""The parity harness: the same stages as Glue jobs, compared row by row.

It imports `stedi`, never the other way round.
"""
