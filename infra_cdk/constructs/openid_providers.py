"""The outside providers by which users sign in, as the context declares them. No secret stands in a template."""

import json
import re
from typing import TYPE_CHECKING

from aws_cdk import aws_iam as iam

if TYPE_CHECKING:
    from shared.config.federation import Provider

_SECRET = re.compile(
    r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+"
)

LONGEST = 2048
"""The characters of the variable: Lambda has 4 KB for all variables of a function."""


class OpenIdProviders:
    """A JSON array of `shared.config.federation.Provider`, or its text; nobody where there is none.

    `secret_id` is a whole ARN, for the permission to read it. Raises ValueError where it is not, for an
    address that is not https, and for what is no provider.
    """

    def __init__(self, declared: object) -> None:
        listed = json.loads(declared) if isinstance(declared, str) else declared
        self._providers = _read(listed) if listed else ()
        for each in self._providers:
            _check(each)
        if len(self.text) > LONGEST:
            raise ValueError(f"openid_providers is longer than {LONGEST} characters")

    @property
    def text(self) -> str:
        """The variable `OPENID_PROVIDERS`."""
        kept = [each.model_dump(mode="json", exclude_defaults=True) for each in self._providers]
        return json.dumps(kept, separators=(",", ":"))

    def statements(self) -> list[iam.PolicyStatement]:
        """Return the permission to read the secrets, if there are any."""
        arns = [each.secret_id for each in self._providers if each.secret_id]
        if not arns:
            return []
        return [iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=arns)]


def _read(listed: object) -> "tuple[Provider, ...]":
    # What the application reads is checked by what it reads it with; where there is nothing, synthesis
    # loads none of it.
    from shared.config.federation import Providers

    return Providers.validate_python(listed)


def _check(provider: "Provider") -> None:
    if not provider.issuer.startswith("https://"):
        raise ValueError(f"the issuer of {provider.id} has no https address")
    if provider.secret_id is not None and not _SECRET.fullmatch(provider.secret_id):
        raise ValueError(f"secret_id of {provider.id} is no ARN of Secrets Manager")
