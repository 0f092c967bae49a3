"""What every model builds on: names of constraints, and columns that all tables share."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import DateTime, Enum, MetaData, Uuid
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.core.clock import now
from shared.core.ids import new_id

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The declarative base; constraints have names, so that a violated one can be told."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = {  # noqa: RUF012  # SQLAlchemy reads the plain attribute
        datetime: DateTime(timezone=True),
        UUID: Uuid(as_uuid=True),
    }


class Identified:
    """A UUIDv7 key and the times of creation and last change, in UTC."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)


def enum_of(members: type[StrEnum], *, name: str) -> Enum:
    """Return the column type of an enumeration: PostgreSQL's own type `name`, of the members' values."""
    return Enum(members, name=name, values_callable=lambda kind: [member.value for member in kind])
