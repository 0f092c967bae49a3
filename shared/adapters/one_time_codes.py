"""Codes of authenticator applications (TOTP, RFC 6238), and recovery codes.

SHA-1, six digits, thirty seconds: what every application can do. HMAC does not suffer from SHA-1's collisions.
"""

import hmac
import secrets
from datetime import datetime

STEP_S = 30
"""How long a code is shown, in seconds."""

DRIFT_STEPS = 1
"""How many steps before and after the present one are accepted: a clock may be off by half a minute.

RFC 6238, section 5.2, recommends one at most. A clock that is off by 60 s or more is to be set right.
"""

_SECRET_CHARACTERS = 32  # of base32: 160 bits, as RFC 4226, section 4, recommends

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base32: no I, L, O, U
_CODE_CHARACTERS = 12
_GROUP = 4
_MISREAD = str.maketrans({"I": "1", "L": "1", "O": "0", "-": None, " ": None})


def new_secret() -> str:
    """Return a new secret of TOTP: 160 random bits in base32."""
    import pyotp

    return pyotp.random_base32(_SECRET_CHARACTERS)


def provisioning_uri(secret: str, *, account: str, issuer: str) -> str:
    """Return the `otpauth:` address that applications read from a QR code."""
    import pyotp

    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=issuer)


def step_of(secret: str, code: str, *, at: datetime, after: int | None) -> int | None:
    """Return the time step whose code it is, later than `after`; None where it is none of those at hand."""
    import pyotp

    totp, present = pyotp.TOTP(secret, interval=STEP_S), int(at.timestamp()) // STEP_S
    matching = [
        step
        for step in range(present - DRIFT_STEPS, present + DRIFT_STEPS + 1)
        if hmac.compare_digest(totp.generate_otp(step), code)
    ]
    return next((step for step in matching if after is None or step > after), None)


def new_recovery_code() -> str:
    """Return 60 random bits as three groups of four characters: `7K3M-9QXD-2TVB`."""
    made = "".join(secrets.choice(_ALPHABET) for _ in range(_CODE_CHARACTERS))
    return "-".join(made[start : start + _GROUP] for start in range(0, len(made), _GROUP))


def canonical_recovery_code(typed: str) -> str:
    """Return a recovery code as it is compared: in capitals, without hyphens, misread letters as digits."""
    return typed.upper().translate(_MISREAD)
