"""What goes into second factors and comes out of them.

What browsers make and take stands in their own words: Web Authentication Level 3, sections 5.1 and 5.8.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

from shared.core.schema import Name, Schema


class Method(StrEnum):
    """What a user can prove who they are with, besides a password; the best first."""

    PASSKEY = "passkey"
    TOTP = "totp"
    RECOVERY_CODE = "recovery_code"


GivenMfaToken = Annotated[
    str, StringConstraints(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9_-]+$")
]
"""An `mfa_token` as a client sends it."""

Code = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$"), Field(examples=["492039"])]
"""The six digits that an authenticator application shows."""

GivenRecoveryCode = Annotated[
    str,
    StringConstraints(min_length=12, max_length=32, pattern=r"^[0-9A-Za-z -]+$"),
    Field(examples=["7K3M-9QXD-2TVB"]),
]
"""A recovery code in any case; its hyphens are for the eye."""

Binary = Annotated[str, StringConstraints(max_length=16_384, pattern=r"^[A-Za-z0-9_-]*$")]
"""Bytes in base64url, as the browser's toJSON() writes them."""

CredentialId = Annotated[
    str, StringConstraints(min_length=1, max_length=1364, pattern=r"^[A-Za-z0-9_-]+$")
]
"""The id of a credential, at most 1023 bytes (section 4, "Credential ID"), in base64url."""

GivenPassword = Annotated[
    str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00]*$")
]
"""A password to be compared with the one on record."""


class FromBrowser(Schema):
    """A part of what a browser sends: what it says besides is of no interest."""

    model_config = ConfigDict(extra="ignore", alias_generator=to_camel)


class ForBrowser(Schema):
    """A part of what a browser is given."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class AttestationResponse(FromBrowser):
    """What an authenticator answers when a credential is made."""

    client_data_json: Binary = Field(alias="clientDataJSON")
    attestation_object: Binary
    transports: list[Annotated[str, StringConstraints(max_length=32)]] = Field(
        default_factory=list, max_length=16
    )


class AssertionResponse(FromBrowser):
    """What an authenticator answers when a credential is used."""

    client_data_json: Binary = Field(alias="clientDataJSON")
    authenticator_data: Binary
    signature: Binary
    user_handle: Binary | None = None


class PasskeyAttestation(FromBrowser):
    """What `navigator.credentials.create()` gives, by its `toJSON()`."""

    id: CredentialId
    raw_id: CredentialId
    type: Literal["public-key"]
    response: AttestationResponse


class PasskeyAssertion(FromBrowser):
    """What `navigator.credentials.get()` gives, by its `toJSON()`."""

    id: CredentialId
    raw_id: CredentialId
    type: Literal["public-key"]
    response: AssertionResponse


class CredentialDescriptor(ForBrowser):
    """A credential, and how to reach its authenticator."""

    id: str
    type: Literal["public-key"] = "public-key"
    transports: tuple[str, ...] = ()


class RequestOptions(ForBrowser):
    """For `navigator.credentials.get()`, by `PublicKeyCredential.parseRequestOptionsFromJSON()`."""

    challenge: str
    timeout: int = Field(description="Milliseconds.")
    rp_id: str
    allow_credentials: tuple[CredentialDescriptor, ...] = ()
    user_verification: Literal["required", "preferred"]


class RelyingParty(ForBrowser):
    """Whose passkey it is to be."""

    id: str
    name: str


class UserEntity(ForBrowser):
    """The account that a passkey is for, as the authenticator shows it."""

    id: str
    name: str
    display_name: str


class CredentialParameter(ForBrowser):
    """An algorithm, by its number (RFC 9053)."""

    type: Literal["public-key"] = "public-key"
    alg: int


class AuthenticatorSelection(ForBrowser):
    """What the authenticator must be able to do."""

    resident_key: Literal["preferred"] = "preferred"
    require_resident_key: bool = False
    user_verification: Literal["preferred"] = "preferred"


class CreationOptions(ForBrowser):
    """For `navigator.credentials.create()`, by `PublicKeyCredential.parseCreationOptionsFromJSON()`."""

    rp: RelyingParty
    user: UserEntity
    challenge: str
    pub_key_cred_params: tuple[CredentialParameter, ...]
    timeout: int = Field(description="Milliseconds.")
    exclude_credentials: tuple[CredentialDescriptor, ...]
    authenticator_selection: AuthenticatorSelection = AuthenticatorSelection()
    attestation: Literal["none"] = "none"


class Challenge(Schema):
    """A login that waits for its second factor: `token` names it, for `expires_in` seconds."""

    token: str
    methods: tuple[Method, ...]
    expires_in: int


class SecondFactor(Schema):
    """The second factor of a login: a code, a recovery code or a passkey's answer; exactly one of them."""

    model_config = ConfigDict(
        json_schema_extra={"minProperties": 2, "maxProperties": 2},
    )

    mfa_token: GivenMfaToken
    code: Code | None = None
    recovery_code: GivenRecoveryCode | None = None
    passkey: PasskeyAssertion | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(each is not None for each in (self.code, self.recovery_code, self.passkey)) != 1:
            raise ValueError("send exactly one of code, recovery_code and passkey")
        return self


class MfaToken(Schema):
    """The login whose second factor is to be a passkey."""

    mfa_token: GivenMfaToken


class PasskeyLogin(Schema):
    """A login by a passkey alone."""

    passkey: PasskeyAssertion


class SessionConfirmation(Schema):
    """The password that confirms a session."""

    current_password: GivenPassword


class TotpSecret(Schema):
    """What an authenticator application needs. It is shown this once."""

    secret: str = Field(description="Base32 (RFC 4648), for typing it in.")
    uri: str = Field(description="The same as an otpauth: address, for a QR code.")


class TotpCode(Schema):
    """The first code of a new authenticator application."""

    code: Code


class Totp(Schema):
    """An authenticator application."""

    kind: Literal["totp"] = "totp"
    confirmed_at: datetime
    last_used_at: datetime | None


class Passkey(Schema):
    """A passkey, as its user sees it."""

    kind: Literal["passkey"] = "passkey"
    id: UUID
    name: Name
    created_at: datetime
    last_used_at: datetime | None
    transports: tuple[str, ...]
    backed_up: bool = Field(description="Whether it is kept by a service, and outlives its device.")


class Factors(Schema):
    """All of a user's second factors, and how many recovery codes are left."""

    totp: Totp | None
    passkeys: tuple[Passkey, ...]
    recovery_codes_left: int


class RecoveryCodes(Schema):
    """New recovery codes; earlier ones are good no more. They are shown this once."""

    recovery_codes: tuple[str, ...]


class Enrolment(Schema):
    """What an enrolled factor brought: recovery codes, if it is the first; they are shown this once."""

    recovery_codes: tuple[str, ...] | None = None


class NewPasskey(Schema):
    """A passkey to be registered, and how the user calls it."""

    name: Name
    passkey: PasskeyAttestation


class PasskeyChange(Schema):
    """Another name of a passkey."""

    name: Name


class PasskeyEnrolment(Enrolment):
    """A registered passkey, and recovery codes, if it is the first factor; they are shown this once."""

    passkey: Passkey
