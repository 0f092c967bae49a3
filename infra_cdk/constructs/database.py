"""Aurora PostgreSQL Serverless v2, reached by the Data API alone."""

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from constructs import Construct

from infra_cdk.constructs.findings import accept
from infra_cdk.constructs.network import Network
from infra_cdk.environments import Environment

NAME = "switchyard"
"""The database in the cluster."""

VERSION = rds.AuroraPostgresEngineVersion.VER_17_7
"""Pauses at 0 ACU (from 16.3 and 17.4) and has the Data API."""

DATA_API_ACTIONS = (
    "rds-data:BatchExecuteStatement",
    "rds-data:BeginTransaction",
    "rds-data:CommitTransaction",
    "rds-data:ExecuteStatement",
    "rds-data:RollbackTransaction",
)
"""All that `shared.adapters.database.dialect` calls."""


class Database(Construct):
    """The cluster: it pauses when nobody calls (0 ACU) and no network path leads to it.

    Its name is fixed, so that a change which CloudFormation could only make by putting a new, empty
    cluster in its place fails instead.
    """

    def __init__(
        self, scope: Construct, id_: str, *, network: Network, environment: Environment
    ) -> None:
        super().__init__(scope, id_)
        identifier = f"switchyard-{environment.name}"
        log = logs.LogGroup(
            self,
            "Log",
            # The name that RDS writes to: made before the cluster, or its logs are kept for ever.
            log_group_name=f"/aws/rds/cluster/{identifier}/postgresql",
            retention=environment.log_retention,
            removal_policy=environment.log_removal,
        )
        cluster = rds.DatabaseCluster(
            self,
            "Cluster",
            cluster_identifier=identifier,
            engine=rds.DatabaseClusterEngine.aurora_postgres(version=VERSION),
            writer=rds.ClusterInstance.serverless_v2("Writer"),
            serverless_v2_min_capacity=0,
            serverless_v2_max_capacity=environment.most_acu,
            serverless_v2_auto_pause_duration=Duration.minutes(10),
            default_database_name=NAME,
            enable_data_api=True,
            iam_authentication=True,
            storage_encrypted=True,
            backup=rds.BackupProps(retention=Duration.days(environment.backup_days)),
            cloudwatch_logs_exports=["postgresql"],
            deletion_protection=environment.protected,
            removal_policy=environment.data_removal,
            vpc=network.vpc,
            vpc_subnets=network.subnets,
            security_groups=[network.make_group("DatabaseGroup", description="Database")],
        )
        cluster.node.add_dependency(log)
        if cluster.secret is None:
            raise ValueError("the cluster has no secret of its own")
        self.cluster = cluster
        self.secret = cluster.secret
        _accept_findings(self, environment=environment)

    @property
    def url(self) -> str:
        """DATABASE_URL. ARNs hold nothing that a query would have to escape."""
        return (
            f"postgresql+dataapi:///{NAME}?resource_arn={self.cluster.cluster_arn}"
            f"&secret_arn={self.secret.secret_arn}"
        )

    def statements(self) -> list[iam.PolicyStatement]:
        """Return the permission to use the database: the Data API reads the secret as its caller."""
        return [
            iam.PolicyStatement(
                actions=list(DATA_API_ACTIONS), resources=[self.cluster.cluster_arn]
            ),
            iam.PolicyStatement(
                actions=["secretsmanager:GetSecretValue"], resources=[self.secret.secret_arn]
            ),
        ]


def _accept_findings(database: Database, *, environment: Environment) -> None:
    accept(
        database.cluster,
        rule="RDS11",
        reason="No security group admits anybody: a port that nobody reaches needs no disguise.",
    )
    accept(
        database.cluster,
        rule="SMG4",
        reason="The password is used by the Data API alone, inside AWS; its rotation comes with "
        "the operator's console.",
    )
    if not environment.protected:
        accept(
            database.cluster,
            rule="RDS10",
            reason="This environment is disposable: its stack can be deleted as a whole.",
        )
