"""A port that is held for the server that shall have it."""

import socket
import sys
from contextlib import ExitStack

import pytest

from infra_cdk.local.ports import held_port
from infra_cdk.local.processes import accepts_connections


def test_a_held_port_does_not_answer_until_its_server_listens() -> None:
    with held_port() as port:
        assert not accepts_connections(port)
        with socket.create_server(("127.0.0.1", port)):
            assert accepts_connections(port)
        assert not accepts_connections(port)


def test_a_port_can_be_held_by_its_number() -> None:
    with held_port() as port, held_port(port) as same:
        assert same == port


def test_a_port_that_is_served_cannot_be_held() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(OSError, match="in use"), held_port(port):
            raise AssertionError("one port was had twice")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a port is not held, only chosen")
def test_nobody_who_asks_for_any_port_is_given_a_held_one() -> None:
    with ExitStack() as stack:
        held = {stack.enter_context(held_port()) for _ in range(300)}
        given = set()
        for _ in range(3000):
            with socket.socket() as asker:
                asker.bind(("127.0.0.1", 0))
                given.add(asker.getsockname()[1])
        assert len(held) == 300
        assert held.isdisjoint(given)
