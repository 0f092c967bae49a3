"""How a finding of cdk-nag is accepted: beside the construct that it is about, with its reason."""

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def accept(construct: IConstruct, *, rule: str, reason: str) -> None:
    """Accept one rule of AWS Solutions, `APIG4` or `IAM5[Resource::*]`, in and below a construct."""
    Validations.of(construct).acknowledge(Acknowledgment(id=f"AwsSolutions-{rule}", reason=reason))
