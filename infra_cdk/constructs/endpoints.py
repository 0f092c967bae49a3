"""The AWS services that a function calls, as it reaches them from the network: by endpoints."""

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import aws_ec2 as ec2

from shared.manifest.function import Function, Need


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An interface endpoint: `name` is what the template calls it.

    `dns` is said for S3 alone, which would else want a gateway endpoint beside it.
    """

    name: str
    service: ec2.InterfaceVpcEndpointAwsService
    dns: ec2.VpcEndpointPrivateDnsOnlyForInboundResolverEndpoint | None = None


SQS = Endpoint(name="Sqs", service=ec2.InterfaceVpcEndpointAwsService.SQS)

SECRETS = Endpoint(name="Secrets", service=ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER)

BY_NEED: Mapping[Need, tuple[Endpoint, ...]] = {
    Need.DATABASE: (Endpoint(name="RdsData", service=ec2.InterfaceVpcEndpointAwsService.RDS_DATA),),
    Need.CACHE: (),  # it stands in the network itself
    Need.SIGNING_KEY: (SECRETS,),
    Need.SIGNING_KEY_ROTATION: (SECRETS,),
    Need.VAULT: (SECRETS,),
    Need.PASSKEYS: (),
    Need.GATEWAY_KEYS: (),  # whoever has it stands in no network
    Need.OPENID_PROVIDERS: (),  # likewise
    Need.OUTBOX: (SQS,),
    Need.WEBHOOKS: (SQS,),
    Need.EVENT_BUS: (
        Endpoint(name="Events", service=ec2.InterfaceVpcEndpointAwsService.EVENTBRIDGE),
    ),
    # A gateway endpoint costs nothing, but a security group can let nobody out to it by itself: that
    # takes the id of a prefix list, another one in each Region.
    Need.FILES: (
        Endpoint(
            name="S3",
            service=ec2.InterfaceVpcEndpointAwsService.S3,
            dns=ec2.VpcEndpointPrivateDnsOnlyForInboundResolverEndpoint.ALL_RESOLVERS,
        ),
    ),
    Need.MAIL: (Endpoint(name="Email", service=ec2.InterfaceVpcEndpointAwsService.EMAIL),),
    Need.QUEUES: (
        SQS,
        Endpoint(
            name="Monitoring", service=ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_MONITORING
        ),
    ),
}
"""What a need calls. Source: AWS, "AWS services that integrate with AWS PrivateLink"."""


def endpoints_of(spec: Function) -> tuple[Endpoint, ...]:
    """Return what a function calls, each once; from a queue's messages it may be put off as well."""
    found = [endpoint for need in sorted(spec.needs) for endpoint in BY_NEED[need]]
    return tuple(dict.fromkeys([*found, SQS] if spec.sources else found))
