"""How large, how safe and how costly each deployed environment is."""

from dataclasses import dataclass

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs


@dataclass(frozen=True, kw_only=True)
class Environment:
    """One environment. `protected`: its data outlives a mistaken deletion of the stack.

    `most_acu` is in Aurora capacity units (about 2 GiB of memory each), `backup_days` in days.
    """

    name: str
    protected: bool
    most_acu: float
    backup_days: int
    log_retention: logs.RetentionDays

    @property
    def prefix(self) -> str:
        """What stands before a name that is fixed: `switchyard-staging-`."""
        return f"switchyard-{self.name}-"

    @property
    def log_removal(self) -> RemovalPolicy:
        """What becomes of the logs when the stack is deleted."""
        return RemovalPolicy.RETAIN if self.protected else RemovalPolicy.DESTROY

    @property
    def data_removal(self) -> RemovalPolicy:
        """What becomes of the database when the stack is deleted."""
        return RemovalPolicy.SNAPSHOT if self.protected else RemovalPolicy.DESTROY

    @property
    def file_removal(self) -> RemovalPolicy:
        """What becomes of the bucket when the stack is deleted: one with files in it stays in any case."""
        return RemovalPolicy.RETAIN if self.protected else RemovalPolicy.DESTROY


ENVIRONMENTS = {
    each.name: each
    for each in (
        Environment(
            name="staging",
            protected=False,
            most_acu=2,
            backup_days=1,
            log_retention=logs.RetentionDays.ONE_MONTH,
        ),
        Environment(
            name="production",
            protected=True,
            most_acu=16,
            backup_days=14,
            log_retention=logs.RetentionDays.THREE_MONTHS,
        ),
    )
}
"""The environments that can be deployed, by name."""
