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

StepTrainerLanding_node1 = glueContext.create_dynamic_frame.from_options(
    format_options={"multiline": False},
    connection_type="s3",
    format="json",
    connection_options={"paths": ["s3://test-lakehouse/step_trainer/landing/"], "recurse": True},
    transformation_ctx="StepTrainerLanding_node1",
)
CustomersCurated_node2 = glueContext.create_dynamic_frame.from_catalog(
    database="teststeps", table_name="customers_curated", transformation_ctx="CustomersCurated_node2"
)
SqlQuery0 = """
select * from st where st.serialNumber in (select distinct serialnumber from cc);
"""
SQLQuery_node3 = sparkSqlQuery(
    glueContext,
    query=SqlQuery0,
    mapping={"st": StepTrainerLanding_node1, "cc": CustomersCurated_node2},
    transformation_ctx="SQLQuery_node3",
)
StepTrainerTrusted_node4 = glueContext.getSink(
    path="s3://test-lakehouse/step_trainer/trusted/",
    connection_type="s3",
    updateBehavior="UPDATE_IN_DATABASE",
    partitionKeys=[],
    enableUpdateCatalog=True,
    transformation_ctx="StepTrainerTrusted_node4",
)
StepTrainerTrusted_node4.setCatalogInfo(catalogDatabase="teststeps", catalogTableName="step_trainer_trusted")
StepTrainerTrusted_node4.setFormat("glueparquet", compression="snappy")
StepTrainerTrusted_node4.writeFrame(SQLQuery_node3)
job.commit()
