"""What is made sure of first: each refusal is one line, names its cause, shows no password."""

import errno
import socket

import pytest

from infra_cdk.local.checks import check_cache, check_database, own_port
from infra_cdk.local.postgres import Postgres
from infra_cdk.local.processes import StartError, accepts_connections, free_port


def test_a_port_is_free_to_be_served_while_it_is_held() -> None:
    port = free_port()
    with own_port(port), socket.create_server(("127.0.0.1", port)):
        assert accepts_connections(port)


def test_a_port_just_left_by_a_connection_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            server.accept()[0].close()  # the side that closes first waits in TIME_WAIT
    with own_port(port):
        assert not accepts_connections(port)


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        expected = f"port {port} cannot be used: another program"
        with pytest.raises(StartError, match=expected), own_port(port):
            raise AssertionError("one port was had twice")


def test_a_port_that_only_root_may_have_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: socket.socket, _address: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(StartError, match="port 80 cannot be used: Permission denied"), own_port(80):
        raise AssertionError("the port was had")


def test_a_database_that_answers_is_accepted(postgres: Postgres) -> None:
    check_database(f"postgresql+psycopg://app:any@127.0.0.1:{postgres.port}/postgres")


def test_a_database_that_is_not_there_is_named_in_one_line(postgres: Postgres) -> None:
    address = f"127.0.0.1:{postgres.port}/absent"
    with pytest.raises(StartError) as refused:
        check_database(f"postgresql+psycopg://app:my-password@{address}")
    expected = f'DATABASE_URL: {address} does not answer: FATAL:  database "absent" does not exist'
    assert str(refused.value) == expected


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_port_without_a_database_is_named_in_one_line(host: str) -> None:
    address = f"{host}:{free_port()}/app"
    with pytest.raises(StartError) as refused:
        check_database(f"postgresql+psycopg://app:my-password@{address}")
    assert str(refused.value) == f"DATABASE_URL: {address} does not answer: Connection refused"


def test_a_port_without_a_cache_is_named_in_one_line() -> None:
    address = f"127.0.0.1:{free_port()}/0"
    with pytest.raises(StartError) as refused:
        check_cache(f"redis://:my-password@{address}")
    message = str(refused.value)
    assert message.startswith(f"REDIS_URL: {address} does not answer: ")
    assert "refused" in message
    assert "my-password" not in message
    assert "\n" not in message
