import sys
from awsglue.transforms import *
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext
from awsglue.context import GlueContext
from awsglue.job import Job

args = getResolvedOptions(sys.argv, ["JOB_NAME"])
sc = SparkContext()
glueContext = GlueContext(sc)
spark = glueContext.spark_session
job = Job(glueContext)
job.init(args["JOB_NAME"], args)

AccelerometerLanding_node1 = glueContext.create_dynamic_frame.from_catalog(
    database="teststeps", table_name="accelerometer_landing", transformation_ctx="AccelerometerLanding_node1"
)
CustomerTrusted_node2 = glueContext.create_dynamic_frame.from_catalog(
    database="teststeps", table_name="customer_trusted", transformation_ctx="CustomerTrusted_node2"
)

Join_node3 = Join.apply(
    frame1=AccelerometerLanding_node1,
    frame2=CustomerTrusted_node2,
    keys1=["user"],
    keys2=["email"],
    transformation_ctx="Join_node3",
)
DropFields_node4 = DropFields.apply(
    frame=Join_node3,
    paths=[
        "customername",
        "email",
        "phone",
        "birthday",
        "serialnumber",
        "registrationdate",
        "lastupdatedate",
        "sharewithresearchasofdate",
        "sharewithpublicasofdate",
        "sharewithfriendsasofdate",
    ],
    transformation_ctx="DropFields_node4",
)
AccelerometerTrusted_node5 = glueContext.write_dynamic_frame.from_options(
    frame=DropFields_node4,
    connection_type="s3",
    format="json",
    connection_options={"path": "s3://test-lakehouse/accelerometer/trusted/", "partitionKeys": []},
    transformation_ctx="AccelerometerTrusted_node5",
)
job.commit()
