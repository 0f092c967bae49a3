"""The one stack: every function of the registry and what they need."""

from aws_cdk import Duration, Stack, triggers
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra_cdk.constructs.rest_api import add_path, make_rest_api
from infra_cdk.constructs.storage import Cache, database_url, make_database, make_network
from infra_cdk.registry import ROOT, Registered, registry
from shared.manifest.environment import variables_of
from shared.manifest.function import Need
from shared.manifest.triggers import Invoke


class ServiceStack(Stack):
    """Switchyard in one environment. Context `bundles=none` synthesises without bundles."""

    def __init__(self, scope: Construct, id_: str, *, environment: str) -> None:
        super().__init__(scope, id_)
        self._environment = environment
        self._vpc = make_network(self)
        self._database = make_database(self, vpc=self._vpc, production=environment == "production")
        self._cache = Cache(self, "Cache", vpc=self._vpc)
        self._key = secretsmanager.Secret(
            self,
            "SigningKey",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=64, exclude_punctuation=True
            ),
        )
        self._add_endpoints()
        functions = [(each, self._add_function(each)) for each in registry()]
        self._add_triggers(functions)

    def _add_endpoints(self) -> None:
        placed = [each.spec.needs for each in registry() if Need.CACHE in each.spec.needs]
        if any(Need.DATABASE in needs for needs in placed):
            service = ec2.InterfaceVpcEndpointAwsService.RDS_DATA
            self._vpc.add_interface_endpoint("RdsData", service=service)
        if any(Need.SIGNING_KEY in needs for needs in placed):
            service = ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER
            self._vpc.add_interface_endpoint("Secrets", service=service)

    def _add_function(self, each: Registered) -> lambda_.Function:
        spec = each.spec
        placed = Need.CACHE in spec.needs
        function = lambda_.Function(
            self,
            spec.name,
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            code=self._code(each),
            handler=each.handler,
            memory_size=spec.memory_mb,
            timeout=Duration.seconds(spec.timeout_s),
            tracing=lambda_.Tracing.ACTIVE,
            environment=self._variables(each),
            log_group=logs.LogGroup(
                self, f"{spec.name}-log", retention=logs.RetentionDays.ONE_MONTH
            ),
            vpc=self._vpc if placed else None,
            security_groups=[self._cache.clients] if placed else None,
        )
        if Need.DATABASE in spec.needs:
            self._database.grant_data_api_access(function)
        if Need.SIGNING_KEY in spec.needs:
            self._key.grant_read(function)
        return function

    def _code(self, each: Registered) -> lambda_.Code:
        if self.node.try_get_context("bundles") == "none":
            return lambda_.Code.from_asset(str(ROOT / each.package.replace(".", "/")))
        bundle = ROOT / "build" / each.spec.name
        if not bundle.is_dir():
            raise FileNotFoundError(f"build/{each.spec.name} is missing: run `make bundle` first")
        return lambda_.Code.from_asset(str(bundle))

    def _variables(self, each: Registered) -> dict[str, str]:
        values = {
            "ENVIRONMENT": self._environment,
            "LOG_LEVEL": "INFO",
            "POWERTOOLS_SERVICE_NAME": each.spec.name,
            "CORS_ORIGINS": self.node.try_get_context("cors_origins") or "",
            "TRUSTED_HOSTS": self.node.try_get_context("trusted_hosts") or "*",
            "DATABASE_URL": database_url(self._database),
            "REDIS_URL": self._cache.url,
            "SIGNING_SECRET_ID": self._key.secret_arn,
        }
        return {name: values[name] for name in sorted(variables_of(each.spec))}

    def _add_triggers(self, functions: list[tuple[Registered, lambda_.Function]]) -> None:
        api = make_rest_api(self)
        served = [function for each, function in functions if each.spec.http]
        for each, function in functions:
            for http in each.spec.http:
                add_path(api, path=http.path, function=function)
            if Invoke(on_deploy=True) in each.spec.triggers:
                triggers.Trigger(
                    self,
                    f"{each.spec.name}-on-deploy",
                    handler=function,
                    timeout=Duration.seconds(each.spec.timeout_s),
                    execute_after=[self._database],
                    execute_before=list(served),
                )
