"""The one stack: every function of the registry and what they need."""

from aws_cdk import CfnOutput, Duration, Stack, triggers
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra_cdk.constructs.cache import Cache
from infra_cdk.constructs.database import Database
from infra_cdk.constructs.endpoints import endpoints_of
from infra_cdk.constructs.event_bus import EventBus
from infra_cdk.constructs.files import Files
from infra_cdk.constructs.function import DeployedFunction
from infra_cdk.constructs.generated_secret import GeneratedSecret
from infra_cdk.constructs.mail import Mail
from infra_cdk.constructs.network import Network
from infra_cdk.constructs.openid_providers import OpenIdProviders
from infra_cdk.constructs.queues import Queues
from infra_cdk.constructs.rest_api import RestApi
from infra_cdk.constructs.schedules import Schedules
from infra_cdk.constructs.usage_plans import UsagePlans, accept_key_findings, key_statements
from infra_cdk.environments import Environment
from infra_cdk.registry import ROOT, Registered, queue_names, registry
from shared.manifest.environment import variables_of
from shared.manifest.function import Need

SENDER = "switchyard@example.com"
"""Who mail is sent from unless the context says it: nobody's address, for SES takes it from nobody."""


class ServiceStack(Stack):
    """Switchyard in one environment, for any account and Region.

    It names neither, so that synthesis looks nothing up and its template is the same for everybody:
    the zones are CloudFormation's `Fn::GetAZs`, chosen when it is deployed.

    Context: `cors_origins` and `trusted_hosts`, comma-separated, become the variables of the same
    names; `public_url` is where clients reach the API if not at the gateway's own address; `webauthn_rp_id`
    is the domain of passkeys if not that address's host; `mail_from` is who mail is sent from, an address that SES
    knows; `openid_providers` are those by whom users sign in (see `OpenIdProviders`); `bundles` is the folder of the
    bundles, `build` unless said, and `none` synthesises without them, for the tests;
    `architecture` is theirs, `arm64` unless said. Raises FileNotFoundError for a bundle that is not
    made, ValueError for a sender that is no address, or a provider that cannot be used.
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
        self._add_secrets(environment)
        self._providers = OpenIdProviders(self.node.try_get_context("openid_providers"))
        self._api = RestApi(
            self, "Api", environment=environment, cross_origin=bool(self._cors_origins)
        )
        self._add_event_parts(environment)
        self._functions = {each: self._add_function(each) for each in registry()}
        self._add_triggers()
        self._add_paths()
        UsagePlans(self, "UsagePlans", stage=self._api.stage, environment=environment)
        self._add_outputs()
        self._add_deployment_steps()

    def _add_secrets(self, environment: Environment) -> None:
        self._signing_key = GeneratedSecret(
            self,
            "SigningKey",
            environment=environment,
            use="Access tokens are signed with keys derived from this",
            unrotated="The function rotate-signing-key rotates it: docs/decisions/0017",
        )
        self._vault = GeneratedSecret(
            self,
            "Vault",
            environment=environment,
            use="Keyed digests and sealed texts in the database: lost with it, they are lost",
            unrotated="What it hashed could not be found any more: docs/decisions/0016",
        )

    def _add_event_parts(self, environment: Environment) -> None:
        """Add what events, messages, files and mail go through."""
        self._queues = Queues(self, "Queues", functions=registry(), environment=environment)
        self._bus = EventBus(self, "EventBus", environment=environment)
        for queue in self._queues.subscribed:
            self._bus.subscribe(queue)
        origins = [each for each in self._cors_origins.split(",") if each]
        self._files = Files(self, "Files", environment=environment, origins=origins)
        self._mail = Mail(self, "Mail", sender=self._context("mail_from") or SENDER)

    def _add_function(self, each: Registered) -> lambda_.Function:
        deployed = DeployedFunction(
            self,
            each,
            environment=self._environment,
            code=self._code(each),
            variables=self._variables(each),
            statements=self._statements(each),
            network=self._network,
            group=self._place(each),
        )
        if Need.GATEWAY_KEYS in each.spec.needs:
            accept_key_findings(deployed)
        return deployed.function

    def _place(self, each: Registered) -> ec2.ISecurityGroup | None:
        """Return the group of a function that must stand in the network: those that use the cache."""
        if Need.CACHE not in each.spec.needs:
            return None
        group = self._network.make_group(f"{each.spec.name}-group", description=each.spec.name)
        self._cache.admit(group)
        for endpoint in endpoints_of(each.spec):
            self._network.open_endpoint(endpoint, to=group)
        return group

    def _statements(self, each: Registered) -> list[iam.PolicyStatement]:
        by_need = {
            Need.DATABASE: self._database.statements,
            Need.SIGNING_KEY: self._signing_key.statements,
            Need.SIGNING_KEY_ROTATION: self._signing_key.replacing_statements,
            Need.VAULT: self._vault.statements,
            Need.GATEWAY_KEYS: lambda: key_statements(self),
            Need.OPENID_PROVIDERS: self._providers.statements,
            Need.OUTBOX: self._queues.nudging_statements,
            Need.WEBHOOKS: self._queues.delivering_statements,
            Need.EVENT_BUS: self._bus.statements,
            Need.FILES: self._files.statements,
            Need.MAIL: self._mail.statements,
            Need.QUEUES: self._queues.operating_statements,
        }
        needed = [s for need, make in by_need.items() if need in each.spec.needs for s in make()]
        return [*self._queues.receiving_statements(each.spec), *needed]

    def _variables(self, each: Registered) -> dict[str, str]:
        values = {
            "ENVIRONMENT": self._environment.name,
            "LOG_LEVEL": "INFO",
            "POWERTOOLS_SERVICE_NAME": each.spec.name,
            "PUBLIC_URL": self._context("public_url") or self._api.public_url,
            "CORS_ORIGINS": self._cors_origins,
            "TRUSTED_HOSTS": self._context("trusted_hosts") or "*",
            "DATABASE_URL": self._database.url,
            "REDIS_URL": self._cache.url,
            "SIGNING_SECRET_ID": self._signing_key.secret_id,
            "VAULT_SECRET_ID": self._vault.secret_id,
            "GATEWAY_PREFIX": self._environment.prefix,
            "OPENID_PROVIDERS": self._providers.text,
            "WEBAUTHN_RP_ID": self._context("webauthn_rp_id"),
            "OUTBOX_QUEUE_URL": self._queues.outbox_url,
            "WEBHOOK_QUEUE_URL": self._queues.webhook_url,
            "EVENT_BUS_NAME": self._bus.name,
            "FILES_BUCKET": self._files.name,
            "MAIL_FROM": self._mail.sender,
            "QUEUE_PREFIX": self._environment.prefix,
            "QUEUES": ",".join(queue_names()),
        }
        return {name: values[name] for name in sorted(variables_of(each.spec))}

    @property
    def _cors_origins(self) -> str:
        return self._context("cors_origins")

    def _context(self, name: str) -> str:
        """Return a text of the context, empty where nobody says it."""
        return str(self.node.try_get_context(name) or "")

    def _code(self, each: Registered) -> lambda_.Code:
        bundles = self._context("bundles") or "build"
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

    def _add_triggers(self) -> None:
        """Have queues and schedules start their functions."""
        schedules = Schedules(self, "Schedules", environment=self._environment)
        for each, function in self._functions.items():
            self._queues.deliver(each.spec, to=function)
            schedules.add(each.spec, function=function)

    def _add_paths(self) -> None:
        for each, function in self._functions.items():
            for http in each.spec.http:
                self._api.add_path(http, function=function)

    def _add_outputs(self) -> None:
        cluster = self._database.cluster.cluster_arn
        of_cluster = "For the Data API: `aws rds-data execute-statement --resource-arn ...`"
        secret = self._database.secret.secret_arn
        of_bucket = "Holds what users upload and export: the stack cannot be deleted while it does"
        outputs = {
            "ApiUrl": (self._api.url, "Where the REST API answers"),
            "DatabaseClusterArn": (cluster, of_cluster),
            "DatabaseSecretArn": (secret, "For the Data API: `--secret-arn ...`"),
            "FilesBucket": (self._files.name, of_bucket),
        }
        for name, (value, description) in outputs.items():
            CfnOutput(self, name, value=value, description=description)

    def _add_deployment_steps(self) -> None:
        """Run what is declared to run on deploy, before any other function changes."""
        others = [
            function for each, function in self._functions.items() if not each.spec.runs_on_deploy
        ]
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
                    execute_before=list(others),
                )
