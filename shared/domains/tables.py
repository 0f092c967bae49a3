"""Every model, so that the metadata is complete: for migrations and tests."""

from shared.adapters.database.base import Base
from shared.domains.catalog import models as catalog
from shared.domains.identity import models as identity

__all__ = ["Base", "catalog", "identity"]
