"""Nothing in the network is reached, or reaches out, but for the paths that functions need."""

from typing import Any

from infra_cdk.registry import Registered, registry
from shared.manifest.function import Need
from tests.infra_cdk.templates import Template, of_type, path_of, spell

SERVICES = {
    Need.CACHE: {},
    Need.DATABASE: {"RdsData": "rds-data"},
    Need.SIGNING_KEY: {"Secrets": "secretsmanager"},
    Need.SIGNING_KEY_ROTATION: {"Secrets": "secretsmanager"},
    Need.VAULT: {"Secrets": "secretsmanager"},
    Need.PASSKEYS: {},
    Need.OUTBOX: {"Sqs": "sqs"},
    Need.WEBHOOKS: {"Sqs": "sqs"},
    Need.EVENT_BUS: {"Events": "events"},
    Need.FILES: {"S3": "s3"},
    Need.MAIL: {"Email": "email"},
    Need.QUEUES: {"Sqs": "sqs", "Monitoring": "monitoring"},
}
"""The services that a need calls, by what their endpoints are called."""


def services_of(each: Registered) -> dict[str, str]:
    """The services that a placed function calls; a consumer puts messages off by SQS, too."""
    found = {"Sqs": "sqs"} if each.spec.sources else {}
    for need in each.spec.needs:
        found |= SERVICES[need]
    return found


def placed() -> list[Registered]:
    return [each for each in registry() if Need.CACHE in each.spec.needs]


def group(template: Template, reference: Any) -> str:
    return spell(template, reference).removeprefix("{Network/").removesuffix(".GroupId}")


def openings(template: Template, direction: str) -> set[tuple[str, str, int]]:
    """Who opens to whom, at which port."""
    other = "SourceSecurityGroupId" if direction == "Ingress" else "DestinationSecurityGroupId"
    rules = of_type(template, f"AWS::EC2::SecurityGroup{direction}").values()
    return {
        (
            group(template, each["Properties"]["GroupId"]),
            group(template, each["Properties"][other]),
            each["Properties"]["ToPort"],
        )
        for each in rules
    }


class TestGateways:
    def test_there_is_no_way_to_or_from_the_internet(self, template: Template) -> None:
        for type_ in ("InternetGateway", "NatGateway", "EIP", "EgressOnlyInternetGateway"):
            assert of_type(template, f"AWS::EC2::{type_}") == {}

    def test_subnets_give_no_public_address(self, template: Template) -> None:
        subnets = of_type(template, "AWS::EC2::Subnet").values()
        assert len(subnets) == 2
        assert {each["Properties"]["MapPublicIpOnLaunch"] for each in subnets} == {False}

    def test_zones_are_chosen_at_deployment(self, template: Template) -> None:
        subnets = of_type(template, "AWS::EC2::Subnet").values()
        zones = [each["Properties"]["AvailabilityZone"] for each in subnets]
        assert zones == [{"Fn::Select": [n, {"Fn::GetAZs": ""}]} for n in range(2)]

    def test_rejected_traffic_is_logged(self, template: Template) -> None:
        (log,) = of_type(template, "AWS::EC2::FlowLog").values()
        assert log["Properties"]["TrafficType"] == "REJECT"


class TestSecurityGroups:
    def test_no_group_admits_or_reaches_an_address(self, template: Template) -> None:
        nobody = "255.255.255.255/32"
        for each in of_type(template, "AWS::EC2::SecurityGroup").values():
            assert "SecurityGroupIngress" not in each["Properties"]
            egress = each["Properties"].get("SecurityGroupEgress", [])
            assert {rule["CidrIp"] for rule in egress} <= {nobody}

    def test_a_placed_function_reaches_the_cache_and_its_endpoints_alone(
        self, template: Template
    ) -> None:
        wanted = set()
        for each in placed():
            source = f"{each.spec.name}-group"
            wanted.add((source, "CacheGroup", 6379))
            wanted |= {(source, f"{name}Group", 443) for name in services_of(each)}
        assert openings(template, "Egress") == wanted
        assert openings(template, "Ingress") == {(to, source, port) for source, to, port in wanted}

    def test_nobody_reaches_the_database_by_network(self, template: Template) -> None:
        (cluster,) = of_type(template, "AWS::RDS::DBCluster").values()
        (only,) = cluster["Properties"]["VpcSecurityGroupIds"]
        assert group(template, only) == "DatabaseGroup"
        assert "DatabaseGroup" not in {to for to, _, _ in openings(template, "Ingress")}


class TestEndpoints:
    def test_there_is_one_for_each_service_that_a_placed_function_calls(
        self, template: Template
    ) -> None:
        wanted = {service for each in placed() for service in services_of(each).values()}
        found = of_type(template, "AWS::EC2::VPCEndpoint").values()
        names = {spell(template, each["Properties"]["ServiceName"]) for each in found}
        assert names == {f"com.amazonaws.{{AWS::Region}}.{name}" for name in wanted}
        assert len(names) == len(found)

    def test_the_services_usual_names_lead_to_them(self, template: Template) -> None:
        for each in of_type(template, "AWS::EC2::VPCEndpoint").values():
            assert each["Properties"]["PrivateDnsEnabled"] is True

    def test_every_group_stands_in_the_one_network(self, template: Template) -> None:
        (vpc,) = of_type(template, "AWS::EC2::VPC")
        assert path_of(template, vpc) == "Network/Vpc"
        for each in of_type(template, "AWS::EC2::SecurityGroup").values():
            assert each["Properties"]["VpcId"] == {"Ref": vpc}
