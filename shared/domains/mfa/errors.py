"""What is refused of second factors, and why."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from shared.core.errors import (
    ConflictError,
    FieldError,
    ForbiddenError,
    NotFoundError,
    UnauthorizedError,
    ValidationFailedError,
)


class SecondFactorRequiredError(ForbiddenError):
    """The password is right, and the user has a second factor: send it with this `mfa_token`, within 5 minutes."""

    code = "second_factor_required"
    title = "Second factor required"
    keeps_changes = True
    extension: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "mfa_token": {
            "type": "string",
            "description": "Names this login where the second factor is sent. It works once.",
            "examples": ["3vX0b0yZ0k3mJ8Yw0C7oQm1p7mTq2l6dWc5uGx9sR4E"],
        },
        "methods": {
            "type": "array",
            "items": {"enum": ["passkey", "totp", "recovery_code"]},
            "description": "What the user can send, the best first.",
            "examples": [["totp", "recovery_code"]],
        },
        "expires_in": {
            "type": "integer",
            "description": "How long the token is good, in seconds.",
            "examples": [300],
        },
    }

    def __init__(self, *, mfa_token: str, methods: Sequence[str], expires_in: int) -> None:
        super().__init__(
            "This account has a second factor: send it with the mfa_token.",
            members={"mfa_token": mfa_token, "methods": list(methods), "expires_in": expires_in},
        )


class InvalidMfaTokenError(UnauthorizedError):
    """The mfa_token is unknown, was used, was tried too often, or has expired: the login begins anew."""

    code = "invalid_mfa_token"
    title = "Invalid MFA token"

    def __init__(self) -> None:
        super().__init__("The mfa_token is not valid (any more): log in again.")


class WrongSecondFactorError(UnauthorizedError):
    """The code, recovery code or passkey is not the user's, or was used before. Five tries end the login."""

    code = "wrong_second_factor"
    title = "Wrong second factor"

    keeps_changes = True
    """That it was tried is counted."""

    def __init__(self) -> None:
        super().__init__(
            "The second factor is wrong, or its code was used already. A code is good for the half minute "
            "that your device shows it, and the ones beside that: is its clock right?"
        )


class InvalidPasskeyError(UnauthorizedError):
    """The passkey is unknown or not for this site, its answer is too late or was used, or nobody was verified."""

    code = "invalid_passkey"
    title = "Invalid passkey"

    keeps_changes = True
    """That it was used up, or looks like a copy, is a fact."""

    def __init__(self) -> None:
        super().__init__("The passkey does not log anybody in: ask for new options and try again.")


class PasskeyRefusedError(ValidationFailedError):
    """The answer of the authenticator does not register a passkey: altered, too late, or for another site."""

    code = "passkey_refused"
    title = "Passkey refused"

    def __init__(self) -> None:
        message = (
            "Ask for new options and send what navigator.credentials.create() gave, unaltered."
        )
        field = FieldError(location=("body", "passkey"), code="refused", message=message)
        super().__init__("The passkey cannot be registered.", errors=[field])


class WrongCodeError(ValidationFailedError):
    """The code is not the one that the new secret gives at this time."""

    code = "wrong_code"
    title = "Wrong code"

    def __init__(self) -> None:
        message = (
            "Send the six digits that the application shows now; the device's clock must be right."
        )
        field = FieldError(location=("body", "code"), code="wrong", message=message)
        super().__init__("The code is wrong.", errors=[field])


class TotpNotFoundError(NotFoundError):
    """The user has no authenticator application, or none that waits for its first code."""

    code = "totp_not_found"
    title = "TOTP not found"

    def __init__(self) -> None:
        super().__init__("There is no such authenticator application: enrol one first.")


class TotpEnrolledError(ConflictError):
    """The user has an authenticator application: one at a time."""

    code = "totp_enrolled"
    title = "TOTP enrolled"

    def __init__(self) -> None:
        super().__init__(
            "You have an authenticator application: remove it before you enrol another."
        )


class PasskeyNotFoundError(NotFoundError):
    """The user has no such passkey."""

    code = "passkey_not_found"
    title = "Passkey not found"

    def __init__(self) -> None:
        super().__init__("You have no passkey with this id.")


class PasskeyKnownError(ConflictError):
    """The passkey is registered already."""

    code = "passkey_known"
    title = "Passkey known"

    def __init__(self) -> None:
        super().__init__("This passkey is registered already.")


class TooManyPasskeysError(ConflictError):
    """The user has as many passkeys as one can have."""

    code = "too_many_passkeys"
    title = "Too many passkeys"

    def __init__(self, *, most: int) -> None:
        super().__init__(f"You have {most} passkeys: remove one that you do not use.")


class NoSecondFactorError(ConflictError):
    """Recovery codes stand in for a second factor, and the user has none."""

    code = "no_second_factor"
    title = "No second factor"

    def __init__(self) -> None:
        super().__init__("You have no second factor: enrol one first.")


class ConfirmationRequiredError(ForbiddenError):
    """This changes how the user logs in: it needs a login or a confirmation of the last 10 minutes."""

    code = "confirmation_required"
    title = "SessionConfirmation required"

    def __init__(self) -> None:
        super().__init__(
            "This session is too old for that: confirm it with your password, or log in again."
        )


class ConfirmationFailedError(ValidationFailedError):
    """The password that is to confirm a session is wrong."""

    code = "confirmation_failed"
    title = "SessionConfirmation failed"

    keeps_changes = True
    """That it was tried is counted."""

    def __init__(self) -> None:
        message = "Send the password that you log in with."
        field = FieldError(location=("body", "current_password"), code="wrong", message=message)
        super().__init__("The password is wrong.", errors=[field])
