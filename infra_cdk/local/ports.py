"""Ports of the loopback interface, kept free for the server that shall have them."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

HOST = "127.0.0.1"
"""The one address that anything listens on."""


@contextmanager
def held_port(number: int = 0) -> Iterator[int]:
    """Hold a port, 0 being any free one, until the end of the block; yield its number.

    Between the choice of a port and the moment that its server listens, somebody who asks for any
    free port could be given this one. Held, it goes only to who names it. Raises OSError where the
    port cannot be had.
    """
    with socket.socket() as holder:
        # Two sockets may be bound to one port if both say so and one of them at most listens. It
        # is also what makes a port free that a connection of an earlier server has just left.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((HOST, number))
        chosen: int = holder.getsockname()[1]
        if sys.platform != "linux":  # elsewhere no second socket may be bound to it
            holder.close()
        yield chosen
