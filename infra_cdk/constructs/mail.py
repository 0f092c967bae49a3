"""Who mail is sent from, by SES. That the sender is theirs, the owners prove to SES themselves."""

from email.utils import parseaddr

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct


class Mail(Construct):
    """The sender: an address, or `Name <address>`. Raises ValueError where it is neither."""

    def __init__(self, scope: Construct, id_: str, *, sender: str) -> None:
        super().__init__(scope, id_)
        self.sender = sender
        _, self._address = parseaddr(sender)
        if not all(self._address.partition("@")):
            raise ValueError(f"mail_from {sender!r} is not an address that mail is sent from")

    def statements(self) -> list[iam.PolicyStatement]:
        """Return the permission to send as the sender, and as nobody else.

        SES goes by the identity of the address where there is one, else by that of its domain.
        Source: AWS, "Verified identities in Amazon SES".
        """
        _, _, domain = self._address.partition("@")
        arns = [
            Stack.of(self).format_arn(service="ses", resource="identity", resource_name=name)
            for name in (self._address, domain)
        ]
        return [
            iam.PolicyStatement(
                actions=["ses:SendEmail"],
                resources=arns,
                conditions={"StringEquals": {"ses:FromAddress": self._address}},
            )
        ]
