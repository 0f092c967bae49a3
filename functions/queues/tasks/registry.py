"""The kinds of tasks that this function knows."""

from collections.abc import Mapping

from functions.queues.tasks import delete_account, export_account, export_items, import_items
from functions.queues.tasks.kinds import Kind
from shared.domains.tasks.schemas import TaskKind

KINDS: Mapping[str, Kind] = {
    TaskKind.IMPORT_ITEMS: import_items.KIND,
    TaskKind.EXPORT_ITEMS: export_items.KIND,
    TaskKind.EXPORT_ACCOUNT: export_account.KIND,
    TaskKind.DELETE_ACCOUNT: delete_account.KIND,
}
"""By the names that tasks are queued with."""
