"""What the authorization server refuses, and why.

An `OAuthError` is one of the protocol: its `code` is the `error` of RFC 6749, section 5.2, and is
answered in that form to clients. The others are problem documents for the users who manage clients.
"""

from typing import ClassVar

from shared.core.errors import (
    ConflictError,
    FieldError,
    NotFoundError,
    ProblemError,
    ValidationFailedError,
)


class ClientNotFoundError(NotFoundError):
    """The user has no such client."""

    code = "client_not_found"
    title = "Client not found"

    def __init__(self) -> None:
        super().__init__("You have no client with this id.")


class GrantNotFoundError(NotFoundError):
    """The user has let no such client act."""

    code = "grant_not_found"
    title = "Grant not found"

    def __init__(self) -> None:
        super().__init__("You have granted no client with this id anything.")


class NoClientSecretError(ConflictError):
    """The client proves itself by a key, or not at all: it has no secret."""

    code = "no_client_secret"
    title = "No client secret"

    def __init__(self) -> None:
        super().__init__("This client does not authenticate by a secret.")


class TooManyClientsError(ConflictError):
    """The user has as many clients as one may have."""

    code = "too_many_clients"
    title = "Too many clients"

    def __init__(self, *, most: int) -> None:
        super().__init__(
            f"A user has at most {most} clients: delete one that is not used any more."
        )


class InvalidClientMetadataError(ValidationFailedError):
    """The parts of a client do not go together (RFC 7591, section 3.2.2, has this code)."""

    code = "invalid_client_metadata"
    title = "Invalid client metadata"

    def __init__(self, field: str, message: str) -> None:
        error = FieldError(location=("body", field), code="invalid", message=message)
        super().__init__("The client's metadata do not go together.", errors=[error])


class OAuthError(ProblemError):
    """A refusal in the words of RFC 6749, sections 4.1.2.1 and 5.2."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "oauth_error"
    title: ClassVar[str] = "OAuth error"


class InvalidRequestError(OAuthError):
    """A parameter is missing, doubled, too long, or has a value that it cannot have."""

    code = "invalid_request"
    title = "Invalid request"


class InvalidClientError(OAuthError):
    """The client is unknown, or did not prove who it is in the way it is registered for."""

    status = 401
    code = "invalid_client"
    title = "Invalid client"
    challenge: ClassVar[str] = 'Basic realm="oauth"'

    def __init__(self) -> None:
        # Which of the reasons it was helps those who guess only.
        super().__init__("The client is unknown, or its authentication failed.")


class InvalidGrantError(OAuthError):
    """The code or refresh token is unknown, expired, spent, or was given to another client."""

    code = "invalid_grant"
    title = "Invalid grant"

    def __init__(self) -> None:
        super().__init__("The grant is not valid (any more), or not for this client and request.")


class GrantReplayedError(InvalidGrantError):
    """A spent code or refresh token came again: what was made from it has ended.

    To the client it is an invalid grant. That the session ended is kept all the same.
    """

    keeps_changes = True


class UnauthorizedClientError(OAuthError):
    """The client may not use this grant type."""

    code = "unauthorized_client"
    title = "Unauthorized client"

    def __init__(self) -> None:
        super().__init__("The client is not registered for this grant type.")


class UnsupportedGrantTypeError(OAuthError):
    """There is no such grant type here."""

    code = "unsupported_grant_type"
    title = "Unsupported grant type"

    def __init__(self) -> None:
        super().__init__("Use authorization_code, refresh_token or client_credentials.")


class UnsupportedResponseTypeError(OAuthError):
    """There is no such response type here: `code` is the only one."""

    code = "unsupported_response_type"
    title = "Unsupported response type"

    def __init__(self) -> None:
        super().__init__("The only response type is code.")


class InvalidScopeError(OAuthError):
    """A scope is unknown, or more than the client or the grant has."""

    code = "invalid_scope"
    title = "Invalid scope"

    def __init__(self) -> None:
        super().__init__("A scope is unknown, or more than the client may have.")


class InvalidTargetError(OAuthError):
    """Tokens are made for this API only (RFC 8707, section 2)."""

    code = "invalid_target"
    title = "Invalid target"

    def __init__(self) -> None:
        super().__init__("The only resource is the issuer itself.")


class AccessDeniedError(OAuthError):
    """The user did not let the client act."""

    code = "access_denied"
    title = "Access denied"

    def __init__(self) -> None:
        super().__init__("The user denied the request.")
