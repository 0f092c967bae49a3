"""The bucket of files: what users upload and what is made for them, none of it for long."""

from collections.abc import Sequence

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra_cdk.constructs.findings import accept
from infra_cdk.environments import Environment

KEPT_DAYS = {"uploads/": 1, "exports/": 7}
"""How long files are kept, in days, by the beginning of their keys; at the next midnight in UTC."""

OBJECT_ACTIONS = ("s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject")
"""What `shared.adapters.files` does with one file, and what a link that it signs allows."""

BUCKET_ACTIONS = ("s3:ListBucket", "s3:ListBucketMultipartUploads")
"""What it does to find files. Without the first, S3 answers 403 where a file is not there, not 404."""


class Files(Construct):
    """A private bucket; pages of `origins` may use the links to it that the application signs."""

    def __init__(
        self, scope: Construct, id_: str, *, environment: Environment, origins: Sequence[str]
    ) -> None:
        super().__init__(scope, id_)
        self._bucket = s3.Bucket(
            self,
            "Bucket",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            # An older version of a file that a user had deleted would outlive its deletion.
            versioned=False,
            lifecycle_rules=_lifecycle_rules(),
            cors=[_cross_origin_rule(origins)] if origins else None,
            removal_policy=environment.file_removal,
        )
        _accept_findings(self._bucket)

    @property
    def name(self) -> str:
        """FILES_BUCKET."""
        return self._bucket.bucket_name

    def statements(self) -> list[iam.PolicyStatement]:
        """Return the permission to keep, find and delete files, and so to sign links to them."""
        return [
            iam.PolicyStatement(
                actions=list(OBJECT_ACTIONS), resources=[self._bucket.arn_for_objects("*")]
            ),
            iam.PolicyStatement(actions=list(BUCKET_ACTIONS), resources=[self._bucket.bucket_arn]),
        ]


def _lifecycle_rules() -> list[s3.LifecycleRule]:
    return [
        *(
            s3.LifecycleRule(prefix=prefix, expiration=Duration.days(days))
            for prefix, days in KEPT_DAYS.items()
        ),
        s3.LifecycleRule(abort_incomplete_multipart_upload_after=Duration.days(1)),
    ]


def _cross_origin_rule(origins: Sequence[str]) -> s3.CorsRule:
    return s3.CorsRule(
        allowed_origins=list(origins),
        allowed_methods=[s3.HttpMethods.GET, s3.HttpMethods.PUT],
        # The link decides what is allowed: a header that it does not bear out makes it invalid.
        allowed_headers=["*"],
        exposed_headers=["ETag"],
    )


def _accept_findings(bucket: s3.Bucket) -> None:
    accept(
        bucket,
        rule="S1",
        reason="A file is reached by the application and by links that it signs: its own log says "
        "who asked for one. A second bucket, of access logs, would outlive the files.",
    )
    stack = Stack.of(bucket)
    resource = bucket.node.default_child
    if not isinstance(resource, s3.CfnBucket):
        raise TypeError("the bucket's own resource is not a bucket")
    # Of the whole stack: the finding is about the roles of those who have the permission.
    accept(
        stack,
        rule=f"IAM5[Resource::<{stack.get_logical_id(resource)}.Arn>/*]",
        reason="The permission is for the files of this one bucket, whose keys nobody knows before.",
    )
