"""What is refused of signing in by outside providers, and why."""

from shared.core.errors import (
    BadRequestError,
    ConflictError,
    FieldError,
    NotFoundError,
    ProblemError,
    ServiceUnavailableError,
    ValidationFailedError,
)


class NoSuchProviderError(NotFoundError):
    """Nobody can sign in by a provider of this name."""

    code = "no_such_provider"
    title = "No such provider"

    def __init__(self) -> None:
        super().__init__("There is no such provider: the list of providers names those there are.")


class ReturnAddressError(ValidationFailedError):
    """The user may not be sent to this address: it is of no application of this service."""

    code = "return_address_refused"
    title = "Return address refused"

    def __init__(self) -> None:
        message = "Name a page of an allowed origin, without a fragment."
        field = FieldError(location=("body", "return_to"), code=self.code, message=message)
        super().__init__("Nobody is sent back to this address.", errors=[field])


class InvalidFlowError(BadRequestError):
    """The sign-in is unknown, is over, took too long, or was begun by another application or browser."""

    code = "invalid_sign_in"
    title = "Invalid sign-in"

    def __init__(self) -> None:
        super().__init__("This sign-in is not valid (any more): begin anew.")


class SignInDeclinedError(BadRequestError):
    """The user, or the provider, did not consent."""

    code = "sign_in_declined"
    title = "Sign-in declined"

    def __init__(self) -> None:
        super().__init__("The provider did not let the user sign in: begin anew to try again.")


class ProviderNotBelievedError(BadRequestError):
    """The provider's answer did not pass the checks: the user is not who it says, for all that is known."""

    code = "provider_not_believed"
    title = "Provider not believed"

    def __init__(self) -> None:
        super().__init__("The provider's answer did not pass the checks: begin anew.")


class ProviderUnavailableError(ServiceUnavailableError):
    """The provider does not answer, or what it answers is of no use."""

    code = "provider_unavailable"
    title = "Provider unavailable"

    def __init__(self) -> None:
        super().__init__("The provider does not answer as it should: try again soon.")


class EmailNotVouchedForError(ProblemError):
    """The provider names no e-mail address that it has verified, and an account needs one."""

    status = 403
    code = "email_not_vouched_for"
    title = "E-mail not vouched for"

    def __init__(self) -> None:
        super().__init__(
            "The provider vouches for no e-mail address of yours: verify one there, or register here."
        )


class AccountUnverifiedError(ConflictError):
    """An account has the address, but nobody has shown that it is theirs: it may be a stranger's trap."""

    code = "account_unverified"
    title = "Account unverified"

    def __init__(self) -> None:
        super().__init__(
            "An account here has this e-mail address, unverified. Verify it by the mail that we sent, or "
            "log in by password (a reset gives you one) and link the provider there."
        )


class LinkedElsewhereError(ConflictError):
    """The provider's account is linked to another user, or the user to another account of the provider."""

    code = "linked_elsewhere"
    title = "Linked elsewhere"

    def __init__(self) -> None:
        super().__init__(
            "You have an account of this provider linked already, or this one is another user's."
        )


class LinkNotFoundError(NotFoundError):
    """The user has no such link."""

    code = "link_not_found"
    title = "Link not found"

    def __init__(self) -> None:
        super().__init__("You have no link with this id.")


class LastLoginMeansError(ConflictError):
    """Without this link the user could not log in any more."""

    code = "last_login_means"
    title = "Last means to log in"

    def __init__(self) -> None:
        super().__init__(
            "It is your only means to log in: set a password first, through the password reset."
        )
