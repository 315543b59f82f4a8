import sys
from awsglue.transforms import *
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext
from awsglue.context import GlueContext
from awsglue.job import Job
from awsgluedq.transforms import EvaluateDataQuality

args = getResolvedOptions(sys.argv, ["JOB_NAME"])
sc = SparkContext()
glueContext = GlueContext(sc)
spark = glueContext.spark_session
job = Job(glueContext)
job.init(args["JOB_NAME"], args)

CHECK_COLUMNS = """
    Rules = [
        ColumnCount > 0
    ]
"""

# the customers of the website
WebsiteCustomers_node1 = glueContext.create_dynamic_frame.from_options(
    format_options={"multiline": False},
    connection_type="s3",
    format="json",
    connection_options={"paths": ["s3://test-lakehouse/customer/landing/"], "recurse": True},
    transformation_ctx="WebsiteCustomers_node1",
)

# only those who agreed
ShareWithResearch_node2 = Filter.apply(
    frame=WebsiteCustomers_node1,
    f=lambda row: (not (row["shareWithResearchAsOfDate"] == 0)),
    transformation_ctx="ShareWithResearch_node2",
)

EvaluateDataQuality().process_rows(
    frame=ShareWithResearch_node2,
    ruleset=CHECK_COLUMNS,
    publishing_options={"dataQualityEvaluationContext": "check_1", "enableDataQualityResultsPublishing": True},
    additional_options={"dataQualityResultsPublishing.strategy": "BEST_EFFORT", "observations.scope": "ALL"},
)
CustomerTrusted_node3 = glueContext.getSink(
    path="s3://test-lakehouse/customer/trusted/",
    connection_type="s3",
    updateBehavior="UPDATE_IN_DATABASE",
    partitionKeys=[],
    enableUpdateCatalog=True,
    transformation_ctx="CustomerTrusted_node3",
)
CustomerTrusted_node3.setCatalogInfo(catalogDatabase="teststeps", catalogTableName="customer_trusted")
CustomerTrusted_node3.setFormat("json")
CustomerTrusted_node3.writeFrame(ShareWithResearch_node2)
job.commit()
