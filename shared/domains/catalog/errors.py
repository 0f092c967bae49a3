"""What the catalog refuses, and why."""

from collections.abc import Sequence

from shared.core.errors import (
    ConflictError,
    FieldError,
    NotFoundError,
    PreconditionFailedError,
    ValidationFailedError,
)


class ItemNotFoundError(NotFoundError):
    """The user has no such item."""

    code = "item_not_found"
    title = "Item not found"

    def __init__(self) -> None:
        super().__init__("You have no item with this id.")


class ItemChangedError(PreconditionFailedError):
    """The item is not in the version that the caller expects."""

    code = "item_changed"
    title = "Item changed"

    def __init__(self) -> None:
        super().__init__("The item was changed meanwhile: get it again and look at what changed.")


class NoSuchItemError(ValidationFailedError):
    """A post names an item that its author cannot see."""

    code = "no_such_item"
    title = "No such item"

    def __init__(self) -> None:
        field = FieldError(location=("body", "item_id"), code="unknown", message="Not found.")
        super().__init__("There is no item with this id that you may write about.", errors=[field])


class PostNotFoundError(NotFoundError):
    """There is no such post that the user may see or change."""

    code = "post_not_found"
    title = "Post not found"

    def __init__(self) -> None:
        super().__init__("There is no post with this id, or it is not yours.")


class EmptyFileError(ValidationFailedError):
    """A file of items has no row."""

    code = "empty_file"
    title = "Empty file"

    def __init__(self) -> None:
        super().__init__("The file has no rows: nothing was imported.")


class TooManyRowsError(ValidationFailedError):
    """A file of items has more rows than one may have."""

    code = "too_many_rows"
    title = "Too many rows"

    def __init__(self, most: int) -> None:
        super().__init__(f"The file has more than {most:,} rows: nothing was imported. Split it.")


class WrongColumnsError(ValidationFailedError):
    """The first line of a file of items does not name the columns that it may and must have."""

    code = "wrong_columns"
    title = "Wrong columns"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(
            "The columns that the first line names are wrong: nothing was imported.", errors=errors
        )


class UnreadableFileError(ValidationFailedError):
    """A file of items cannot be read on from one of its lines."""

    code = "unreadable_file"
    title = "Unreadable file"

    def __init__(self, *, line: int, code: str, message: str) -> None:
        error = FieldError(location=("file", line), code=code, message=message)
        super().__init__(
            f"The file cannot be read from line {line} on: nothing was imported. {message}",
            errors=[error],
        )


class FileReplacedError(ConflictError):
    """A file of items was deleted or written anew before all of it was imported."""

    code = "file_replaced"
    title = "File replaced"

    def __init__(self, *, imported: int) -> None:
        super().__init__(
            f"The file was replaced during the import, when {imported:,} of its rows were items."
        )
