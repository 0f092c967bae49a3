"""The network: two zones, no way in from the internet and none out to it."""

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra_cdk.constructs.endpoints import Endpoint
from infra_cdk.environments import Environment

HTTPS = ec2.Port.tcp(443)


class Network(Construct):
    """Isolated subnets: there is no NAT gateway to pay for, and nothing to leak through.

    Who must stand in it reaches AWS by interface endpoints, each paid for by the hour and zone: so an
    endpoint is made for the first function that needs it, and admits only those that do.
    """

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        super().__init__(scope, id_)
        self._endpoints: dict[str, ec2.InterfaceVpcEndpoint] = {}
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            max_azs=2,
            nat_gateways=0,
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED
                )
            ],
        )
        log = logs.LogGroup(
            self,
            "Rejected",
            retention=environment.log_retention,
            removal_policy=environment.log_removal,
        )
        self.vpc.add_flow_log(
            "RejectedTraffic",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(log),
            traffic_type=ec2.FlowLogTrafficType.REJECT,
        )

    @property
    def subnets(self) -> ec2.SubnetSelection:
        """Where things are placed: there is one kind of subnet."""
        return ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)

    def make_group(self, id_: str, *, description: str) -> ec2.SecurityGroup:
        """Return a security group that admits nobody and reaches nobody, until it is told to."""
        return ec2.SecurityGroup(
            self, id_, vpc=self.vpc, description=description, allow_all_outbound=False
        )

    def open_endpoint(self, endpoint: Endpoint, *, to: ec2.ISecurityGroup) -> None:
        """Let the group `to`, and it alone, reach an AWS service."""
        name = endpoint.name
        if name not in self._endpoints:
            self._endpoints[name] = ec2.InterfaceVpcEndpoint(
                self,
                name,
                vpc=self.vpc,
                service=endpoint.service,
                private_dns_only_for_inbound_resolver_endpoint=endpoint.dns,
                subnets=self.subnets,
                security_groups=[self.make_group(f"{name}Group", description=f"{name} endpoint")],
                open=False,
            )
        to.connections.allow_to(self._endpoints[name], HTTPS)
