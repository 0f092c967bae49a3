"""The one stack: every function of the registry and what they need."""

from aws_cdk import CfnOutput, Duration, Stack, triggers
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra_cdk.constructs.cache import Cache
from infra_cdk.constructs.database import Database
from infra_cdk.constructs.function import DeployedFunction
from infra_cdk.constructs.network import Network
from infra_cdk.constructs.rest_api import RestApi
from infra_cdk.constructs.signing_key import SigningKey
from infra_cdk.environments import Environment
from infra_cdk.registry import ROOT, Registered, registry
from shared.manifest.environment import variables_of
from shared.manifest.function import Need

_ENDPOINTS = {
    Need.DATABASE: ("RdsData", ec2.InterfaceVpcEndpointAwsService.RDS_DATA),
    Need.SIGNING_KEY: ("Secrets", ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER),
}
"""The AWS service that a function calls for a need: from the network, by an endpoint."""


class ServiceStack(Stack):
    """Switchyard in one environment, for any account and Region.

    It names neither, so that synthesis looks nothing up and its template is the same for everybody:
    the zones are CloudFormation's `Fn::GetAZs`, chosen when it is deployed.

    Context: `cors_origins` and `trusted_hosts`, comma-separated, become the variables of the same
    names; `bundles` is the folder of the bundles, `build` unless said, and `none` synthesises without
    them, for the tests; `architecture` is theirs, `arm64` unless said. Raises FileNotFoundError for a
    bundle that is not made.
    """

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        super().__init__(
            scope,
            id_,
            description=f"Switchyard, {environment.name}",
            termination_protection=environment.protected,
        )
        self._environment = environment
        self._network = Network(self, "Network", environment=environment)
        self._database = Database(self, "Database", network=self._network, environment=environment)
        self._cache = Cache(self, "Cache", network=self._network, environment=environment)
        self._signing_key = SigningKey(self, "SigningKey", environment=environment)
        self._functions = {each: self._add_function(each) for each in registry()}
        self._add_api()
        self._add_deployment_steps()

    def _add_function(self, each: Registered) -> lambda_.Function:
        return DeployedFunction(
            self,
            each,
            environment=self._environment,
            code=self._code(each),
            variables=self._variables(each),
            statements=self._statements(each),
            network=self._network,
            group=self._place(each),
        ).function

    def _place(self, each: Registered) -> ec2.ISecurityGroup | None:
        """Return the group of a function that must stand in the network: those that use the cache."""
        if Need.CACHE not in each.spec.needs:
            return None
        group = self._network.make_group(f"{each.spec.name}-group", description=each.spec.name)
        self._cache.admit(group)
        for need, (id_, service) in _ENDPOINTS.items():
            if need in each.spec.needs:
                self._network.open_endpoint(id_, service=service, to=group)
        return group

    def _statements(self, each: Registered) -> list[iam.PolicyStatement]:
        by_need = {
            Need.DATABASE: self._database.statements,
            Need.SIGNING_KEY: self._signing_key.statements,
        }
        return [s for need, make in by_need.items() if need in each.spec.needs for s in make()]

    def _variables(self, each: Registered) -> dict[str, str]:
        values = {
            "ENVIRONMENT": self._environment.name,
            "LOG_LEVEL": "INFO",
            "POWERTOOLS_SERVICE_NAME": each.spec.name,
            "CORS_ORIGINS": self._cors_origins,
            "TRUSTED_HOSTS": self.node.try_get_context("trusted_hosts") or "*",
            "DATABASE_URL": self._database.url,
            "REDIS_URL": self._cache.url,
            "SIGNING_SECRET_ID": self._signing_key.secret_id,
        }
        return {name: values[name] for name in sorted(variables_of(each.spec))}

    @property
    def _cors_origins(self) -> str:
        return self.node.try_get_context("cors_origins") or ""

    def _code(self, each: Registered) -> lambda_.Code:
        bundles = self.node.try_get_context("bundles") or "build"
        if bundles == "none":
            # Of the whole folder, what Python and `make` write there would change the template.
            folder = ROOT.joinpath(*each.package.split("."))
            return lambda_.Code.from_asset(str(folder), exclude=["*", "!spec.py"])
        bundle = ROOT / bundles / each.spec.name
        if not bundle.is_dir():
            raise FileNotFoundError(
                f"{bundles}/{each.spec.name} is missing: run `make bundle` first"
            )
        return lambda_.Code.from_asset(str(bundle))

    def _add_api(self) -> None:
        api = RestApi(
            self, "Api", environment=self._environment, cross_origin=bool(self._cors_origins)
        )
        for each, function in self._functions.items():
            for http in each.spec.http:
                api.add_path(http.path, function=function)
        CfnOutput(self, "ApiUrl", value=api.url, description="Where the REST API answers")
        CfnOutput(
            self,
            "DatabaseClusterArn",
            value=self._database.cluster.cluster_arn,
            description="For the Data API: `aws rds-data execute-statement --resource-arn ...`",
        )
        CfnOutput(
            self,
            "DatabaseSecretArn",
            value=self._database.secret.secret_arn,
            description="For the Data API: `--secret-arn ...`",
        )

    def _add_deployment_steps(self) -> None:
        """Run what is declared to run on deploy, before any function behind the API changes."""
        served = [function for each, function in self._functions.items() if each.spec.http]
        for each, function in self._functions.items():
            if each.spec.runs_on_deploy:
                triggers.Trigger(
                    self,
                    f"{each.spec.name}-on-deploy",
                    handler=function,
                    # Longer than the function's own, which then is what ends it: of this one the
                    # caller would only see that it waited too long, and try again.
                    timeout=Duration.seconds(each.spec.timeout_s + 15),
                    execute_after=[self._database],
                    execute_before=list(served),
                )
