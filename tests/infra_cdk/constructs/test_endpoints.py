"""A function that stands in the network reaches every service that its needs call."""

from typing import Any

import pytest

from shared.manifest.function import Function, Need
from shared.manifest.triggers import Invoke, Queue
from tests.infra_cdk.synthesis import synthesised
from tests.infra_cdk.templates import of_type, spell

pytestmark = pytest.mark.xdist_group("cdk")

WITH_ALL = Function(name="all", triggers=(Invoke(),), needs=frozenset(Need) - {Need.GATEWAY_KEYS})


def names_of(function: Function) -> set[str]:
    from infra_cdk.constructs.endpoints import endpoints_of

    return {endpoint.name for endpoint in endpoints_of(function)}


def opened(stack: Any) -> None:
    """All endpoints, opened to one group, twice."""
    from infra_cdk.constructs.endpoints import endpoints_of
    from infra_cdk.constructs.network import Network
    from infra_cdk.environments import ENVIRONMENTS

    network = Network(stack, "Network", environment=ENVIRONMENTS["staging"])
    for name in ("one", "two"):
        group = network.make_group(name, description=name)
        for endpoint in endpoints_of(WITH_ALL):
            network.open_endpoint(endpoint, to=group)


class TestEndpoints:
    def test_no_need_is_forgotten(self) -> None:
        from infra_cdk.constructs.endpoints import BY_NEED

        assert set(BY_NEED) == set(Need)

    def test_a_service_that_two_needs_call_has_one(self) -> None:
        needs = frozenset({Need.OUTBOX, Need.QUEUES})
        assert names_of(Function(name="f", triggers=(Invoke(),), needs=needs)) == {
            "Sqs",
            "Monitoring",
        }

    def test_a_consumer_can_put_its_messages_off(self) -> None:
        assert names_of(Function(name="f", triggers=(Queue("some"),))) == {"Sqs"}

    def test_who_needs_nothing_reaches_nothing(self) -> None:
        assert names_of(Function(name="f", triggers=(Invoke(),))) == set()

    def test_each_is_a_service_of_the_region_with_its_usual_name(self) -> None:
        template = synthesised(opened)
        found = [each["Properties"] for each in of_type(template, "AWS::EC2::VPCEndpoint").values()]
        assert sorted(spell(template, each["ServiceName"]) for each in found) == [
            f"com.amazonaws.{{AWS::Region}}.{name}"
            for name in ("email", "events", "monitoring", "rds-data", "s3", "secretsmanager", "sqs")
        ]
        assert {each["VpcEndpointType"] for each in found} == {"Interface"}
        assert {each["PrivateDnsEnabled"] for each in found} == {True}

    def test_that_of_s3_answers_to_its_usual_name_without_a_gateway(self) -> None:
        template = synthesised(opened)
        (s3,) = [
            each["Properties"]
            for each in of_type(template, "AWS::EC2::VPCEndpoint").values()
            if spell(template, each["Properties"]["ServiceName"]).endswith(".s3")
        ]
        assert s3["DnsOptions"]["PrivateDnsOnlyForInboundResolverEndpoint"] == "AllResolvers"
