"""The tables of periodic jobs."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.adapters.database.base import Base


class JobLease(Base):
    """Who runs a job at present, for which moment, and until when: two runs never overlap."""

    __tablename__ = "job_leases"

    job: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[UUID]
    scheduled_at: Mapped[datetime]
    until: Mapped[datetime]


class JobRun(Base):
    """A run that ended: a job is run once for each moment that it was scheduled for."""

    __tablename__ = "job_runs"

    job: Mapped[str] = mapped_column(primary_key=True)
    scheduled_at: Mapped[datetime] = mapped_column(primary_key=True)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime]
    report: Mapped[dict[str, Any]] = mapped_column(JSONB)

    __table_args__ = (Index("ix_job_runs_finished_at", "finished_at"),)
