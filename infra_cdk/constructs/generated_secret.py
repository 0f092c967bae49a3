"""A secret that CloudFormation generates: the application derives its keys from it."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra_cdk.constructs.findings import accept
from infra_cdk.environments import Environment


class GeneratedSecret(Construct):
    """A string of 64 letters and digits (381 bits). `unrotated` is why Secrets Manager does not rotate it.

    Never change how it is generated: CloudFormation would generate it anew.
    """

    def __init__(
        self, scope: Construct, id_: str, *, environment: Environment, use: str, unrotated: str
    ) -> None:
        super().__init__(scope, id_)
        self._secret = secretsmanager.Secret(
            self,
            "Secret",
            description=use,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=64, exclude_punctuation=True
            ),
            removal_policy=(
                RemovalPolicy.RETAIN if environment.protected else RemovalPolicy.DESTROY
            ),
        )
        accept(self._secret, rule="SMG4", reason=unrotated)

    @property
    def secret_id(self) -> str:
        """The secret's ARN."""
        return self._secret.secret_arn

    def statements(self) -> list[iam.PolicyStatement]:
        """Return the permission to read the secret."""
        return [self._allow("secretsmanager:GetSecretValue")]

    def replacing_statements(self) -> list[iam.PolicyStatement]:
        """Return the permission to read the secret, and to give it another text."""
        return [self._allow("secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue")]

    def _allow(self, *actions: str) -> iam.PolicyStatement:
        return iam.PolicyStatement(actions=list(actions), resources=[self.secret_id])
