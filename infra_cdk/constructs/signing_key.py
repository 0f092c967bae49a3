"""The secret from which the application derives the keys that sign access tokens."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra_cdk.constructs.findings import accept
from infra_cdk.environments import Environment


class SigningKey(Construct):
    """A generated string of 64 letters and digits (381 bits), from which `rotate-signing-key` makes a ring of them: docs/decisions/0017."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        super().__init__(scope, id_)
        self._secret = secretsmanager.Secret(
            self,
            "Secret",
            description="Access tokens are signed with keys derived from this",
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
            reason="The function rotate-signing-key rotates it: no Lambda that Secrets Manager knows (decision 0017).",
        )

    @property
    def secret_id(self) -> str:
        """SIGNING_SECRET_ID: the secret's ARN."""
        return self._secret.secret_arn

    def statements(self) -> list[iam.PolicyStatement]:
        """Return the permission to read the secret."""
        return [
            iam.PolicyStatement(
                actions=["secretsmanager:GetSecretValue"], resources=[self.secret_id]
            )
        ]

    def rotating_statements(self) -> list[iam.PolicyStatement]:
        """Return the permission to read the secret, and to give it another text."""
        actions = ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"]
        return [iam.PolicyStatement(actions=actions, resources=[self.secret_id])]
