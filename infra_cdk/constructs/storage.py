"""Aurora PostgreSQL by the Data API, ElastiCache, and the network they stand in."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticache as elasticache
from aws_cdk import aws_rds as rds
from constructs import Construct

DATABASE = "switchyard"
_REDIS_PORT = 6379


def make_network(scope: Construct) -> ec2.Vpc:
    """Return a network without a way to the internet: no NAT gateway to pay for."""
    return ec2.Vpc(
        scope,
        "Network",
        max_azs=2,
        nat_gateways=0,
        subnet_configuration=[
            ec2.SubnetConfiguration(name="isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
        ],
    )


def make_database(scope: Construct, *, vpc: ec2.Vpc, production: bool) -> rds.DatabaseCluster:
    """Return the cluster: it pauses when idle (0 ACU) and answers by the Data API."""
    return rds.DatabaseCluster(
        scope,
        "Database",
        engine=rds.DatabaseClusterEngine.aurora_postgres(
            version=rds.AuroraPostgresEngineVersion.VER_16_11
        ),
        writer=rds.ClusterInstance.serverless_v2("Writer"),
        serverless_v2_min_capacity=0,
        serverless_v2_max_capacity=4,
        serverless_v2_auto_pause_duration=Duration.minutes(10),
        default_database_name=DATABASE,
        enable_data_api=True,
        storage_encrypted=True,
        deletion_protection=production,
        removal_policy=RemovalPolicy.SNAPSHOT if production else RemovalPolicy.DESTROY,
        vpc=vpc,
        vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
    )


def database_url(cluster: rds.DatabaseCluster) -> str:
    """Return DATABASE_URL. Raises ValueError where the cluster has no secret."""
    if cluster.secret is None:
        raise ValueError("the cluster has no secret of its own")
    return (
        f"postgresql+dataapi:///{DATABASE}?resource_arn={cluster.cluster_arn}"
        f"&secret_arn={cluster.secret.secret_arn}"
    )


class Cache(Construct):
    """ElastiCache Serverless (Valkey), reached over TLS by `clients` alone."""

    def __init__(self, scope: Construct, id_: str, *, vpc: ec2.Vpc) -> None:
        super().__init__(scope, id_)
        self.clients = ec2.SecurityGroup(self, "Clients", vpc=vpc)
        group = ec2.SecurityGroup(self, "Group", vpc=vpc, allow_all_outbound=False)
        group.add_ingress_rule(self.clients, ec2.Port.tcp(_REDIS_PORT))
        cache = elasticache.CfnServerlessCache(
            self,
            "Cache",
            engine="valkey",
            serverless_cache_name=scope.node.id,
            security_group_ids=[group.security_group_id],
            subnet_ids=[subnet.subnet_id for subnet in vpc.isolated_subnets],
        )
        self.url = f"rediss://{cache.attr_endpoint_address}:{cache.attr_endpoint_port}"
