"""Mail is sent as the one sender that the context names, and as nobody else."""

from typing import Any

import pytest

from tests.infra_cdk.synthesis import synthesised
from tests.infra_cdk.templates import Template, deployed, spell, statements_of

IDENTITY = "arn:{AWS::Partition}:ses:{AWS::Region}:{AWS::AccountId}:identity/"


def sending(template: Template) -> list[dict[str, Any]]:
    """The statements of the mail function's role that allow it to send."""
    function = deployed(template)["functions.queues.mail.handler.handler"]
    role = template["Resources"][function["Properties"]["Role"]["Fn::GetAtt"][0]]
    return [each for each in statements_of(role) if each["Action"] == "ses:SendEmail"]


class TestSender:
    def test_the_address_and_its_domain_are_the_identities(self, production: Template) -> None:
        (statement,) = sending(production)
        assert {spell(production, each) for each in statement["Resource"]} == {
            f"{IDENTITY}post@mail.example.com",
            f"{IDENTITY}mail.example.com",
        }

    def test_no_other_address_of_the_domain_is_a_sender(self, production: Template) -> None:
        (statement,) = sending(production)
        assert statement["Condition"] == {
            "StringEquals": {"ses:FromAddress": "post@mail.example.com"}
        }

    def test_without_one_it_is_an_examples(self, template: Template) -> None:
        function = deployed(template)["functions.queues.mail.handler.handler"]
        variables = function["Properties"]["Environment"]["Variables"]
        assert variables["MAIL_FROM"] == "switchyard@example.com"


@pytest.mark.xdist_group("cdk")
class TestRefusals:
    @pytest.mark.parametrize("sender", ["example.com", "@example.com", "someone@", "Someone <>"])
    def test_what_is_no_address_is_refused(self, sender: str) -> None:
        with pytest.raises(ValueError, match="is not an address that mail is sent from"):
            synthesised(lambda stack: build(stack, sender=sender))


def build(stack: Any, *, sender: str) -> None:
    from infra_cdk.constructs.mail import Mail

    Mail(stack, "Mail", sender=sender)
