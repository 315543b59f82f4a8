import sys
from awsglue.transforms import *
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext
from awsglue.context import GlueContext
from awsglue.job import Job
from awsglue import DynamicFrame


def sparkSqlQuery(glueContext, query, mapping, transformation_ctx) -> DynamicFrame:
    for alias, frame in mapping.items():
        frame.toDF().createOrReplaceTempView(alias)
    result = spark.sql(query)
    return DynamicFrame.fromDF(result, glueContext, transformation_ctx)


args = getResolvedOptions(sys.argv, ["JOB_NAME"])
sc = SparkContext()
glueContext = GlueContext(sc)
spark = glueContext.spark_session
job = Job(glueContext)
job.init(args["JOB_NAME"], args)

StepTrainerTrusted_node1 = glueContext.create_dynamic_frame.from_catalog(
    database="teststeps", table_name="step_trainer_trusted", transformation_ctx="StepTrainerTrusted_node1"
)
AccelerometerTrusted_node2 = glueContext.create_dynamic_frame.from_options(
    format_options={},
    connection_type="s3",
    format="json",
    connection_options={"paths": ["s3://test-lakehouse/accelerometer/trusted/"], "recurse": True},
    transformation_ctx="AccelerometerTrusted_node2",
)
SqlQuery0 = """
select * from step_trainer, accelerometer where step_trainer.sensorreadingtime = accelerometer.timestamp
"""
SQLQuery_node3 = sparkSqlQuery(
    glueContext,
    query=SqlQuery0,
    mapping={"step_trainer": StepTrainerTrusted_node1, "accelerometer": AccelerometerTrusted_node2},
    transformation_ctx="SQLQuery_node3",
)
MachineLearningCurated_node4 = glueContext.write_dynamic_frame.from_options(
    frame=SQLQuery_node3,
    connection_type="s3",
    format="glueparquet",
    connection_options={"path": "s3://test-lakehouse/machine_learning/curated/", "partitionKeys": []},
    format_options={"compression": "snappy"},
    transformation_ctx="MachineLearningCurated_node4",
)
job.commit()
