import sys
from awsglue.transforms import *
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext
from awsglue.context import GlueContext
from awsglue.job import Job
from awsglue.dynamicframe import DynamicFrame
from pyspark.sql import functions as SqlFuncs

args = getResolvedOptions(sys.argv, ["JOB_NAME"])
sc = SparkContext()
glueContext = GlueContext(sc)
spark = glueContext.spark_session
job = Job(glueContext)
job.init(args["JOB_NAME"], args)

CustomerTrusted_node1 = glueContext.create_dynamic_frame.from_options(
    format_options={"multiLine": "false"},
    connection_type="s3",
    format="json",
    connection_options={"paths": ["s3://test-lakehouse/customer/trusted/"], "recurse": True},
    transformation_ctx="CustomerTrusted_node1",
)
AccelerometerLanding_node2 = glueContext.create_dynamic_frame.from_options(
    format_options={"multiLine": "true"},
    connection_type="s3",
    format="json",
    connection_options={"paths": ["s3://test-lakehouse/accelerometer/landing/"], "recurse": True},
    transformation_ctx="AccelerometerLanding_node2",
)
Join_node3 = Join.apply(
    frame1=CustomerTrusted_node1,
    frame2=AccelerometerLanding_node2,
    keys1=["email"],
    keys2=["user"],
    transformation_ctx="Join_node3",
)
DropFields_node4 = DropFields.apply(
    frame=Join_node3, paths=["user", "timestamp", "`x`", "y", "z"], transformation_ctx="DropFields_node4"
)
DropDuplicates_node5 = DynamicFrame.fromDF(
    DropFields_node4.toDF().dropDuplicates(), glueContext, "DropDuplicates_node5"
)
CustomersCurated_node6 = glueContext.getSink(
    path="s3://test-lakehouse/customer/curated/",
    connection_type="s3",
    updateBehavior="UPDATE_IN_DATABASE",
    partitionKeys=[],
    compression="snappy",
    enableUpdateCatalog=True,
    transformation_ctx="CustomersCurated_node6",
)
CustomersCurated_node6.setCatalogInfo(catalogDatabase="teststeps", catalogTableName="customers_curated")
CustomersCurated_node6.setFormat("json")
CustomersCurated_node6.writeFrame(DropDuplicates_node5)
job.commit()
