"""ElastiCache Serverless (Valkey): TLS always, and only for whom it is told to admit."""

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticache as elasticache
from constructs import Construct

from infra_cdk.constructs.network import Network
from infra_cdk.environments import Environment

MOST_GB = 2
"""Most data that the cache holds, in GB: beyond it the oldest goes. It bounds the bill."""

MOST_ECPU_PER_S = 10_000
"""Most work, in ElastiCache processing units a second (one is about 1 KB read): beyond it, errors."""

_PORT = ec2.Port.tcp(6379)


class Cache(Construct):
    """The cache. It knows no users: who reaches it is decided by its security group."""

    def __init__(
        self, scope: Construct, id_: str, *, network: Network, environment: Environment
    ) -> None:
        super().__init__(scope, id_)
        self._group = network.make_group("CacheGroup", description="Cache")
        selected = network.vpc.select_subnets(subnet_type=network.subnets.subnet_type)
        cache = elasticache.CfnServerlessCache(
            self,
            "Cache",
            engine="valkey",
            major_engine_version="8",
            serverless_cache_name=f"switchyard-{environment.name}",
            description="Limits, locks and cached answers; nothing that cannot be made again",
            cache_usage_limits=elasticache.CfnServerlessCache.CacheUsageLimitsProperty(
                data_storage=elasticache.CfnServerlessCache.DataStorageProperty(
                    unit="GB", maximum=MOST_GB
                ),
                ecpu_per_second=elasticache.CfnServerlessCache.ECPUPerSecondProperty(
                    maximum=MOST_ECPU_PER_S
                ),
            ),
            security_group_ids=[self._group.security_group_id],
            subnet_ids=list(selected.subnet_ids),
        )
        # `rediss`: the serverless kind speaks nothing but TLS.
        self.url = f"rediss://{cache.attr_endpoint_address}:{cache.attr_endpoint_port}"

    def admit(self, group: ec2.ISecurityGroup) -> None:
        """Let the members of a security group reach the cache."""
        group.connections.allow_to(self._group, _PORT)
