"""What the catalog refuses, and why."""

from shared.core.errors import (
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
