"""Every model, so that the metadata is complete: for migrations and tests."""

from shared.adapters.database.base import Base
from shared.adapters.idempotency import models as idempotency
from shared.adapters.inbox import models as inbox
from shared.adapters.jobs import models as jobs
from shared.adapters.outbox import models as outbox
from shared.domains.audit import models as audit
from shared.domains.catalog import models as catalog
from shared.domains.dead_letters import models as dead_letters
from shared.domains.federation import models as federation
from shared.domains.identity import models as identity
from shared.domains.logins import models as logins
from shared.domains.mfa import models as mfa
from shared.domains.oauth import models as oauth
from shared.domains.partners import models as partners
from shared.domains.sessions import models as sessions
from shared.domains.tasks import models as tasks
from shared.domains.webhooks import models as webhooks

__all__ = [
    "Base",
    "audit",
    "catalog",
    "dead_letters",
    "federation",
    "idempotency",
    "identity",
    "inbox",
    "jobs",
    "logins",
    "mfa",
    "oauth",
    "outbox",
    "partners",
    "sessions",
    "tasks",
    "webhooks",
]
