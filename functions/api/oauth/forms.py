"""What clients send to the authorization server, read so that nothing has two meanings."""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends
from fastapi.openapi.models import HTTPBase
from fastapi.security.base import SecurityBase
from starlette.requests import Request

from shared.domains.oauth import api as oauth
from shared.domains.oauth.errors import InvalidClientError, InvalidRequestError
from shared.domains.oauth.schemas import Client, ClientProof

FORM = "application/x-www-form-urlencoded"

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""RFC 7523, section 2.2."""

MOST_PARAMETERS = 32
LONGEST_VALUE = 8192


def read_parameters(text: str) -> tuple[dict[str, str], frozenset[str]]:
    """Return the parameters of a query or form, and which of them came more than once.

    One without a value counts as absent, one that nobody knows is kept (RFC 6749, section 3.1). Raises
    InvalidRequestError.
    """
    try:
        pairs = parse_qsl(
            text,
            keep_blank_values=True,
            strict_parsing=bool(text),
            errors="strict",
            max_num_fields=MOST_PARAMETERS,
        )
    except ValueError:
        raise InvalidRequestError("The parameters cannot be read.") from None
    if any(len(value) > LONGEST_VALUE for _, value in pairs):
        raise InvalidRequestError("A parameter is too long.")
    names = [name for name, _ in pairs]
    repeated = frozenset(name for name in names if names.count(name) > 1)
    return {name: value for name, value in pairs if value}, repeated


async def read_form(request: Request) -> Mapping[str, str]:
    """Return the parameters of a form, each of which came once. Raises InvalidRequestError."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != FORM:
        raise InvalidRequestError(f"The body is of another type than {FORM}.")
    try:
        text = (await request.body()).decode("ascii")
    except UnicodeDecodeError:
        raise InvalidRequestError("The parameters cannot be read.") from None
    found, repeated = read_parameters(text)
    if repeated:
        raise InvalidRequestError("A parameter came more than once.")
    return found


SentForm = Annotated[Mapping[str, str], Depends(read_form)]
"""The parameters of the request's form."""


def proof_of(authorization: str | None, form: Mapping[str, str]) -> ClientProof:
    """Return how a client says who it is (RFC 6749, section 2.3). Raises InvalidClientError, InvalidRequestError."""
    assertion = form.get("client_assertion")
    if authorization is not None and assertion is not None:
        raise InvalidRequestError("A client proves itself in one way, not in two.")
    if "client_secret" in form:
        # It would stand in more logs than a header does: only client_secret_basic is for secrets.
        raise InvalidClientError
    if assertion is not None and form.get("client_assertion_type") != ASSERTION_TYPE:
        raise InvalidRequestError(f"client_assertion_type is {ASSERTION_TYPE}.")
    if authorization is None:
        return ClientProof(client_id=form.get("client_id"), assertion=assertion)
    client_id, secret = _basic(authorization)
    if client_id is None or form.get("client_id", client_id) != client_id:
        raise InvalidClientError
    return ClientProof(client_id=client_id, secret=secret or "")


def _basic(authorization: str) -> tuple[str | None, str | None]:
    from authlib.oauth2.rfc6749.util import extract_basic_authorization

    try:
        found: tuple[str | None, str | None] = extract_basic_authorization(
            {"Authorization": authorization}
        )
    except ValueError:
        return None, None
    return found


class ClientSecret(SecurityBase):
    """The header of client_secret_basic, as it was sent: what is wrong with it is not the framework's to say."""

    def __init__(self) -> None:
        self.model = HTTPBase(
            scheme="basic", description="`client_id` and secret of a client that has one."
        )
        self.scheme_name = "client"

    async def __call__(self, request: Request) -> str | None:
        """Return the header, or None."""
        return request.headers.get("authorization")


_client_secret = ClientSecret()


async def calling_client(
    authorization: Annotated[str | None, Depends(_client_secret)], form: SentForm
) -> Client:
    """Return who sent a form. Raises InvalidClientError, InvalidRequestError, ServiceUnavailableError."""
    from shared.adapters.database.sessions import unit_of_work

    proof = proof_of(authorization, form)
    # A transaction of its own: an assertion is spent whatever comes of the request.
    async with unit_of_work() as session:
        return await oauth.authenticate_client(session, proof)


CallingClient = Annotated[Client, Depends(calling_client)]
"""The client that proved who it is; a public one said so."""


async def confidential_client(client: CallingClient) -> Client:
    """Return the client, if it proved who it is. Raises InvalidClientError."""
    if client.type == "public":
        raise InvalidClientError
    return client


ConfidentialClient = Annotated[Client, Depends(confidential_client)]
