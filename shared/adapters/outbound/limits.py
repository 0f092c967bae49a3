"""How long, how much and how many."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The limits of a client; times in seconds."""

    total_s: float = 15.0
    """From the look-up to the last byte that is read, however slowly bytes drip."""
    look_up_s: float = 5.0
    connect_s: float = 5.0
    """For one address: then the next is tried."""
    wait_s: float = 15.0
    """For a connection to become free, before all else."""
    addresses: int = 3
    """How many of a host's addresses are tried."""
    kept_bytes: int = 16 * 1024
    """The longest body that is read and kept."""
    head_bytes: int = 64 * 1024
    """The longest head, with what informational answers come before it."""
    connections: int = 256
    """In all: a Lambda function has 1,024 file descriptors."""
    connections_each: int = 32
    """To one origin, so that a slow one leaves room for the others."""
    idle_s: float = 4.0
    """How long a connection is kept for the next request: Node's and uvicorn's servers close it after 5."""
