"""What identity refuses, and why."""

from shared.core.errors import (
    ConflictError,
    FieldError,
    ForbiddenError,
    NotFoundError,
    ProblemError,
    UnauthorizedError,
    ValidationFailedError,
)


class UsernameTakenError(ConflictError):
    """Another user has this name."""

    code = "username_taken"
    title = "Username taken"

    def __init__(self) -> None:
        field = FieldError(location=("body", "username"), code="taken", message="Choose another.")
        super().__init__("This user name is taken.", errors=[field])


class EmailTakenError(ConflictError):
    """Another user has this e-mail address."""

    code = "email_taken"
    title = "E-mail taken"

    def __init__(self) -> None:
        message = "Log in, or use another address."
        field = FieldError(location=("body", "email"), code="taken", message=message)
        super().__init__("A user with this e-mail address exists.", errors=[field])


class WeakPasswordError(ValidationFailedError):
    """A new password breaks the password rule."""

    code = "weak_password"
    title = "Weak password"

    def __init__(self, reason: str) -> None:
        field = FieldError(location=("body", "password"), code="weak_password", message=reason)
        super().__init__("The password is too easy to guess.", errors=[field])


class WrongPasswordError(ValidationFailedError):
    """The current password, which this needs, is missing or wrong."""

    code = "wrong_password"
    title = "Wrong password"

    def __init__(self) -> None:
        message = "Send the password that you log in with."
        field = FieldError(location=("body", "current_password"), code="wrong", message=message)
        super().__init__("The current password is missing or wrong.", errors=[field])


class NoPasswordError(ConflictError):
    """This needs the user's password, and they have none: they log in by an outside provider."""

    code = "no_password"
    title = "No password"

    def __init__(self) -> None:
        super().__init__(
            "You have no password yet: set one through the password reset, by a mail to your address."
        )


class InvalidCredentialsError(UnauthorizedError):
    """No account has this name and password; which of the two is wrong is not told."""

    code = "invalid_credentials"
    title = "Invalid credentials"

    keeps_changes = True
    """That a login failed is counted."""

    def __init__(self) -> None:
        super().__init__("The user name or the password is wrong.")


class InvalidEmailTokenError(ProblemError):
    """The token of a mail is unknown, was used, has expired, or was sent to an address of yesterday."""

    status = 400
    code = "invalid_email_token"
    title = "Invalid e-mail token"

    def __init__(self) -> None:
        super().__init__("The token is not valid (any more): ask for another mail.")


class OperatorsOnlyError(ForbiddenError):
    """This is for operators, and the caller is none."""

    code = "operators_only"
    title = "Operators only"

    def __init__(self) -> None:
        super().__init__("This is for operators: your user is none, or is none any more.")


class NoSuchUserError(NotFoundError):
    """No user has this name."""

    code = "no_such_user"
    title = "No such user"

    def __init__(self, username: str) -> None:
        super().__init__(f"No user has the name {username!r}: users register by themselves.")
