"""What happens with mail."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from shared.core.events import Event
from shared.core.schema import Schema

Recipient = Annotated[
    str,
    StringConstraints(
        min_length=3,
        max_length=254,
        pattern=r"^[^\x00-\x20\x7f-\x9f\"(),:;<>@\[\\\]]+@[^\x00-\x20\x7f-\x9f\"(),:;<>@\[\\\]]+$",
    ),
]
"""One e-mail address and nothing else: no second one, no name, no line end that would begin a header.

Source: RFC 5322, section 3.2.3: the "specials", but for the dot.
"""

Locale = Annotated[
    str, StringConstraints(max_length=35, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$")
]
"""A language tag (BCP 47): `en`, `de-AT`."""

Text = Annotated[str, StringConstraints(min_length=1)]
Count = Annotated[int, Field(ge=0)]


SEALED = "sealed"

Sealed = Annotated[str, StringConstraints(min_length=1), SEALED]
"""A secret for the reader alone: the event holds it sealed by the vault, and the mail function opens it."""


class MailTemplate(StrEnum):
    """The mails that there are; each has its templates, in text and in HTML."""

    WELCOME = "welcome"
    IMPORT_FINISHED = "import_finished"
    EXPORT_READY = "export_ready"
    TASK_FAILED = "task_failed"
    ACCOUNT_DELETED = "account_deleted"
    VERIFY_EMAIL = "verify_email"
    RESET_PASSWORD = "reset_password"  # noqa: S105  # a template's name
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  # likewise
    EMAIL_CHANGED = "email_changed"
    LOGIN_LINKED = "login_linked"
    LOGIN_UNLINKED = "login_unlinked"
    FACTOR_ADDED = "factor_added"
    FACTOR_REMOVED = "factor_removed"
    RECOVERY_CODE_USED = "recovery_code_used"
    WEBHOOK_DISABLED = "webhook_disabled"


class WelcomeValues(Schema):
    """What the mail to a new user names."""

    username: Text


class ImportFinishedValues(Schema):
    """What the mail about a finished import names: the rows that became items, and the others."""

    username: Text
    task_id: Text
    imported: Count
    failed: Count


class ExportReadyValues(Schema):
    """What the mail about a finished export names. `rows` are what the file holds."""

    username: Text
    task_id: Text
    rows: Count


class TaskFailedValues(Schema):
    """What the mail about a failed task names: of its problem document what people can use."""

    username: Text
    task_id: Text
    kind: Text
    code: Text
    detail: Text


class AccountDeletedValues(Schema):
    """What the last mail to a user names."""

    username: Text


class VerifyEmailValues(Schema):
    """What the mail that verifies an address names."""

    username: Text
    token: Sealed


class ResetPasswordValues(Schema):
    """What the mail that lets a user choose another password names."""

    username: Text
    token: Sealed


class PasswordChangedValues(Schema):
    """What the notice of another password names."""

    username: Text


class EmailChangedValues(Schema):
    """What the notice to the address that was the user's until now names."""

    username: Text


class LoginLinkedValues(Schema):
    """What the notice of another way to log in names."""

    username: Text
    provider: Text


class LoginUnlinkedValues(Schema):
    """What the notice of one way less to log in names."""

    username: Text
    provider: Text


class FactorAddedValues(Schema):
    """What the notice of a new second factor, or of new recovery codes, names."""

    username: Text
    kind: Text


class FactorRemovedValues(Schema):
    """What the notice of a removed second factor names."""

    username: Text
    kind: Text


class RecoveryCodeUsedValues(Schema):
    """What the notice of a used recovery code names: how many are left."""

    username: Text
    left: Count


class WebhookDisabledValues(Schema):
    """What the notice of a disabled endpoint names: its address without `https://`, for no mail has links.

    `kind` is `failing`, or `gone`: it said so.
    """

    username: Text
    endpoint: Text
    kind: Text


type Values = (
    WelcomeValues
    | ImportFinishedValues
    | ExportReadyValues
    | TaskFailedValues
    | AccountDeletedValues
    | VerifyEmailValues
    | ResetPasswordValues
    | PasswordChangedValues
    | EmailChangedValues
    | LoginLinkedValues
    | LoginUnlinkedValues
    | FactorAddedValues
    | FactorRemovedValues
    | RecoveryCodeUsedValues
    | WebhookDisabledValues
)

VALUES: Mapping[MailTemplate, type[Values]] = {
    MailTemplate.WELCOME: WelcomeValues,
    MailTemplate.IMPORT_FINISHED: ImportFinishedValues,
    MailTemplate.EXPORT_READY: ExportReadyValues,
    MailTemplate.TASK_FAILED: TaskFailedValues,
    MailTemplate.ACCOUNT_DELETED: AccountDeletedValues,
    MailTemplate.VERIFY_EMAIL: VerifyEmailValues,
    MailTemplate.RESET_PASSWORD: ResetPasswordValues,
    MailTemplate.PASSWORD_CHANGED: PasswordChangedValues,
    MailTemplate.EMAIL_CHANGED: EmailChangedValues,
    MailTemplate.LOGIN_LINKED: LoginLinkedValues,
    MailTemplate.LOGIN_UNLINKED: LoginUnlinkedValues,
    MailTemplate.FACTOR_ADDED: FactorAddedValues,
    MailTemplate.FACTOR_REMOVED: FactorRemovedValues,
    MailTemplate.RECOVERY_CODE_USED: RecoveryCodeUsedValues,
    MailTemplate.WEBHOOK_DISABLED: WebhookDisabledValues,
}
"""What each template needs: exactly this."""


class MailRequested(Event):
    """Somebody is to get a mail. `values` are what the template needs, as text; secrets are sealed.

    There is none with a value too few or too many, so that no mail is ever sent half-empty: asking for
    one raises, and one that comes by a queue is unreadable and becomes a dead letter.
    """

    type: ClassVar[str] = "mail.mail_requested"

    to: Recipient
    template: MailTemplate
    locale: Locale
    values: dict[str, str]

    @property
    def aggregate(self) -> str:
        """The recipient, who gets mails in the order in which they were asked for."""
        return f"mail:{self.to}"

    @property
    def content(self) -> Values:
        """The values, as the template's own."""
        return VALUES[self.template].model_validate(self.values)

    @model_validator(mode="after")
    def _values_fit(self) -> Self:
        try:
            _ = self.content
        except ValidationError as error:
            wrong = ", ".join(f"{each['loc'][0]} ({each['type']})" for each in error.errors())
            raise PydanticCustomError(
                "values_do_not_fit", "the template needs other values: {wrong}", {"wrong": wrong}
            ) from error
        return self


def sealed_names(template: MailTemplate) -> frozenset[str]:
    """Return the names of the values that are sealed."""
    fields = VALUES[template].model_fields
    return frozenset(name for name, field in fields.items() if SEALED in field.metadata)
