"""S3, as far as a load balancer's access logs need it: a bucket and its policy."""

from dataclasses import replace

from blackstart.aws_clients import AwsClients
from blackstart.deploy.fields import Field, flag, json_text, tag_list, text
from blackstart.deploy.registry import Realised, Wanted, realises

LONGEST_NAME = 63


@realises(
    "aws:s3/bucket:Bucket",
    {
        "bucket": Field(None, text),
        "bucketPrefix": Field(None, text),
        "forceDestroy": Field(None, flag),
        "tags": Field(None, tag_list),
    },
)
def bucket(wanted: Wanted, aws: AwsClients) -> Realised:
    s3 = aws.client("s3")
    given = wanted.given
    names = {name: given[key] for key, name in (("bucket", "name"), ("bucketPrefix", "namePrefix")) if key in given}
    name = replace(wanted, given=names).physical_name(LONGEST_NAME)
    region = s3.meta.region_name
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=name, **where)
    if given.get("tags"):
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": given["tags"]})
    domain = f"{name}.s3.amazonaws.com"
    return Realised(name, {"arn": f"arn:aws:s3:::{name}", "bucket": name, "bucketDomainName": domain})


@realises(
    "aws:s3/bucketPolicy:BucketPolicy",
    {"bucket": Field("Bucket", text, required=True), "policy": Field("Policy", json_text, required=True)},
)
def bucket_policy(wanted: Wanted, aws: AwsClients) -> Realised:
    aws.client("s3").put_bucket_policy(**wanted.call)
    return Realised(wanted.given["bucket"], {})
