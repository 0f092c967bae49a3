"""The secret from which the application derives the keys of its digests and seals."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra_cdk.constructs.findings import accept
from infra_cdk.environments import Environment


class Vault(Construct):
    """A generated string of 64 letters and digits, which is never replaced: docs/decisions/0016."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        super().__init__(scope, id_)
        self._secret = secretsmanager.Secret(
            self,
            "Secret",
            description="Keyed digests and sealed texts in the database: lost with it, they are lost",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=64, exclude_punctuation=True
            ),
            removal_policy=(
                RemovalPolicy.RETAIN if environment.protected else RemovalPolicy.DESTROY
            ),
        )
        accept(
            self._secret,
            rule="SMG4",
            reason="What it hashed could not be found after a rotation, nor what it sealed be read.",
        )

    @property
    def secret_id(self) -> str:
        """VAULT_SECRET_ID: the secret's ARN."""
        return self._secret.secret_arn

    def statements(self) -> list[iam.PolicyStatement]:
        """Return the permission to read the secret."""
        return [
            iam.PolicyStatement(
                actions=["secretsmanager:GetSecretValue"], resources=[self.secret_id]
            )
        ]
