"""What stands behind `awsglue` here: settings, the run's catalog, buckets as folders, the process that runs a script.

The folder above this package is put on the path of the job processes, where `awsglue`, `awsgluedq` and `awsglueml`
are then found beside it. Nothing in it imports `stedi`: a job may run in another environment, of another PySpark.
"""
