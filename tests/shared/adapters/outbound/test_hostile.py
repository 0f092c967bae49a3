"""No URL, name or answer makes the client connect to an address that is not public: seen at the sockets."""

import re
import socket
from contextlib import suppress
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

import pytest

from shared.adapters.outbound.answers import Reason
from shared.adapters.outbound.exchange import Request
from shared.adapters.outbound.look_up import Resolver, ask_system
from shared.adapters.outbound.outbound import Client
from shared.core.public_addresses import Address, Place, why_unfit
from tests.shared.adapters.outbound.conftest import NewClient
from tests.shared.adapters.outbound.hostile import (
    CLASSES,
    INTERNAL,
    URLS,
    WANTED,
    fullwidth,
    with_ideographic_dots,
)
from tests.shared.adapters.outbound.receivers import (
    OK,
    PUBLIC,
    PUBLIC_V6,
    FakeDns,
    Visit,
    answered,
    answering,
    receiving,
    unanswered,
)
from tests.shared.adapters.outbound.sockets import Seen
from tests.shared.core.special_addresses import (
    METADATA,
    MULTICAST,
    SPECIAL_V4,
    SPECIAL_V6,
    UNGIVEN_V6,
)

pytestmark = pytest.mark.anyio

PORTS = (443, 8443)
HEADERS = {"Content-Type": "application/json"}
URL = "https://hooks.example.com/hook"
REDIRECTS = (300, 301, 302, 303, 305, 307, 308)


@pytest.fixture
def client(new_client: NewClient) -> Client:
    """A client as it is deployed; names are looked up in a table, numbers as the system reads them."""
    return new_client(allow_loopback=False, resolver=Resolver(read_as_system))


def read_as_system(host: str, port: int) -> tuple[Address, ...]:
    """The C library's reading of numbers, which takes octal, hex and short forms; Python's of lookalikes."""
    if host in {"hooks.example.com", "hooks.example.com."}:
        return (ip_address(PUBLIC),)
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    return tuple(ip_address(each[4][0]) for each in found)


def is_special(address: str) -> bool:
    """Tell by the registries themselves, not by the code that is tested."""
    blocks = map(ip_network, (*SPECIAL_V4, *SPECIAL_V6, *MULTICAST, *UNGIVEN_V6, *METADATA))
    return any(ip_address(address) in block for block in blocks)


def hosts_of(url: str) -> set[str]:
    """Return what one reader of URLs or another would take for the host."""
    found = {re.sub(r"[\t\r\n]", "", url).strip().replace("\\", "/")}
    found |= {each.split("#")[0] for each in found} | {url}
    texts = {re.split(r"[/?#]", each.partition("//")[2] or each)[0] for each in found}
    texts |= {part for each in texts for part in each.split("@")}
    texts |= {re.split(r"[\s\x00,]", each)[0] for each in texts}
    hosts = {re.sub(r"(?<!:):\d*$", "", each).strip("[]").lower() for each in texts}
    with suppress(ValueError):  # one reader less
        hosts.add(urlsplit(url).hostname or "")
    return {each for each in hosts if each}


def vet_everything(address: Address, place: Place) -> bool:
    return True


def place_without_check(host: str) -> Place:
    return Place(scheme="https", host=host, port=443, target="/", authority="x", is_loopback=False)


def request() -> Request:
    return Request(target="/", lines=[("Host", "x"), ("Content-Length", "0")], body=b"")


def test_there_are_hundreds_of_them_of_every_class() -> None:
    assert len({url for _, url in URLS}) >= 600
    assert all(len(urls) >= 9 for urls in CLASSES.values())


class TestInstrument:
    async def test_it_sees_a_connection_to_this_machine(
        self, new_client: NewClient, seen: Seen
    ) -> None:
        async with receiving(answering(OK)) as receiver:
            await new_client().post(receiver.url, headers=HEADERS, body=b"{}")
        assert seen.connected == [("127.0.0.1", receiver.port)]

    async def test_it_sees_a_try_to_connect_to_a_public_address(
        self, new_client: NewClient, seen: Seen
    ) -> None:
        client = new_client(resolver=FakeDns(hooks_example_com=[PUBLIC, PUBLIC_V6]))
        outcome = unanswered(await client.post(URL, headers=HEADERS, body=b"{}"))
        assert outcome.reason is Reason.CONNECT_FAILED
        assert seen.connected == [(PUBLIC, 443), (PUBLIC_V6, 443)]

    @pytest.mark.parametrize("address", ["10.0.0.1", "fd00::1", "169.254.169.254"])
    async def test_it_sees_what_a_client_without_a_guard_does(
        self, address: str, new_client: NewClient, seen: Seen
    ) -> None:
        client = new_client(resolver=FakeDns(hooks_example_com=address), vet=vet_everything)
        await client.post(URL, headers=HEADERS, body=b"{}")
        assert seen.connected == [(address, 443)]

    async def test_it_sees_the_systems_look_ups(self, new_client: NewClient, seen: Seen) -> None:
        async with receiving(answering(OK)) as receiver:
            url = f"http://localhost:{receiver.port}/"
            answered(await new_client().post(url, headers=HEADERS, body=b"{}"))
        assert seen.looked_up == ["localhost"]

    def test_the_system_reads_numbers_as_attackers_hope(self) -> None:
        for text in ("2130706433", "0x7f000001", "017700000001", "127.1", "0177.0.0.1", "127.0.1"):
            assert read_as_system(text, 443) == (ip_address("127.0.0.1"),)
        assert read_as_system(with_ideographic_dots(fullwidth("127.0.0.1")), 443) == (
            ip_address("127.0.0.1"),
        )


class TestRegistration:
    @pytest.mark.parametrize(("trick", "url"), URLS, ids=ascii)
    def test_a_hostile_url_is_unfit(self, trick: str, url: str) -> None:
        assert why_unfit(url, allow_loopback=False, ports=PORTS)

    @pytest.mark.parametrize(("trick", "url"), URLS, ids=ascii)
    async def test_and_posting_to_it_touches_no_socket(
        self, trick: str, url: str, client: Client, seen: Seen
    ) -> None:
        outcome = unanswered(await client.post(url, headers=HEADERS, body=b"{}"))
        assert outcome.reason is Reason.UNFIT_URL
        assert (seen.connected, seen.looked_up) == ([], [])


class TestGuardAlone:
    """The check of the URL is left out: what the host means is up to the system's own reading of it."""

    @pytest.mark.parametrize(("trick", "url"), URLS, ids=ascii)
    async def test_a_hostile_host_is_not_connected_to(
        self, trick: str, url: str, client: Client, seen: Seen
    ) -> None:
        for host in hosts_of(url):
            outcome = unanswered(await client.send(place_without_check(host), request()))
            assert outcome.reason in {
                Reason.REFUSED_ADDRESS, Reason.DNS_FAILED, Reason.CONNECT_FAILED
            }  # fmt: skip
        assert [each for each in seen.addresses if is_special(each)] == []

    async def test_much_of_it_does_come_to_the_guard(self, client: Client) -> None:
        reasons = [
            unanswered(await client.send(place_without_check(host), request())).reason
            for _, url in URLS
            for host in hosts_of(url)
        ]
        assert reasons.count(Reason.REFUSED_ADDRESS) >= 400

    @pytest.mark.parametrize("address", INTERNAL)
    async def test_no_name_leads_to_an_internal_address(
        self, address: str, new_client: NewClient, seen: Seen
    ) -> None:
        client = new_client(allow_loopback=False, resolver=FakeDns(hooks_example_com=address))
        outcome = unanswered(await client.post(URL, headers=HEADERS, body=b"{}"))
        assert outcome.reason is Reason.REFUSED_ADDRESS
        assert address not in outcome.text
        assert seen.connected == []

    @pytest.mark.parametrize("address", INTERNAL)
    async def test_nor_does_one_that_leads_to_public_addresses_as_well(
        self, address: str, new_client: NewClient, seen: Seen
    ) -> None:
        dns = FakeDns()
        mixed = [PUBLIC, PUBLIC_V6, PUBLIC, PUBLIC]
        for index in range(len(mixed) + 1):
            dns.add(f"n{index}.example.com", [*mixed[:index], address, *mixed[index:]])
        client = new_client(allow_loopback=False, resolver=dns)
        for name in dns.answers:
            outcome = await client.post(f"https://{name}/", headers=HEADERS, body=b"{}")
            assert unanswered(outcome).reason is Reason.REFUSED_ADDRESS
        assert seen.connected == []

    async def test_an_address_of_one_link_is_refused(
        self, new_client: NewClient, seen: Seen
    ) -> None:
        client = new_client(resolver=FakeDns(hooks_example_com=f"{PUBLIC_V6}%1"))
        outcome = unanswered(await client.post(URL, headers=HEADERS, body=b"{}"))
        assert outcome.reason is Reason.REFUSED_ADDRESS
        assert seen.connected == []

    async def test_where_this_machine_is_allowed_no_other_name_leads_to_it(
        self, new_client: NewClient, seen: Seen
    ) -> None:
        client = new_client(allow_loopback=True, resolver=FakeDns(hooks_example_com="127.0.0.1"))
        outcome = unanswered(await client.post(URL, headers=HEADERS, body=b"{}"))
        assert outcome.reason is Reason.REFUSED_ADDRESS
        assert seen.connected == []

    @pytest.mark.parametrize("address", [PUBLIC, *WANTED[1:]])
    async def test_nor_does_localhost_lead_anywhere_else(
        self, address: str, new_client: NewClient, seen: Seen
    ) -> None:
        client = new_client(allow_loopback=True, resolver=FakeDns(localhost=address))
        outcome = await client.post("http://localhost:8000/", headers=HEADERS, body=b"{}")
        assert unanswered(outcome).reason is Reason.REFUSED_ADDRESS
        assert seen.connected == []


class TestRebinding:
    """A name server of the attacker's, which answers otherwise each time."""

    @pytest.mark.parametrize("address", WANTED)
    async def test_what_was_vetted_is_what_is_connected_to(
        self, address: str, new_client: NewClient, seen: Seen
    ) -> None:
        dns = FakeDns()
        dns.add("hooks.example.com", PUBLIC, address)
        client = new_client(allow_loopback=False, resolver=dns)
        first = unanswered(await client.post(URL, headers=HEADERS, body=b"{}"))
        assert (first.reason, dns.asked) == (Reason.CONNECT_FAILED, ["hooks.example.com"])
        assert seen.connected == [(PUBLIC, 443)]
        assert seen.looked_up == []  # what connects has a number, and asks nobody
        second = unanswered(await client.post(URL, headers=HEADERS, body=b"{}"))
        assert second.reason is Reason.REFUSED_ADDRESS
        assert seen.connected == [(PUBLIC, 443)]

    async def test_one_answer_serves_one_connection(
        self, new_client: NewClient, seen: Seen
    ) -> None:
        dns = FakeDns(hooks_example_com=PUBLIC)
        client = new_client(allow_loopback=False, resolver=dns)
        for _ in range(3):
            await client.post(URL, headers=HEADERS, body=b"{}")
        assert dns.asked == ["hooks.example.com"] * 3

    async def test_a_socket_that_is_connected_elsewhere_is_not_used(
        self, new_client: NewClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Diverted(socket.socket):
            def getpeername(self) -> tuple[str, int]:
                return "127.0.0.2", 80

        async with receiving(answering(OK)) as receiver:
            monkeypatch.setattr(socket, "socket", Diverted)
            outcome = await new_client().post(receiver.url, headers=HEADERS, body=b"{}")
            monkeypatch.undo()
        assert unanswered(outcome).reason is Reason.REFUSED_ADDRESS
        assert receiver.requests == []


class TestRedirects:
    @pytest.mark.parametrize("status", REDIRECTS)
    @pytest.mark.parametrize(
        "location",
        ["http://169.254.169.254/latest/", "https://10.0.0.1/", "//127.0.0.2/", "/other", "file:///etc/passwd"],
    )  # fmt: skip
    async def test_none_is_followed(
        self, status: int, location: str, new_client: NewClient, seen: Seen
    ) -> None:
        answer = f"HTTP/1.1 {status} Go\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        async with receiving(answering(answer.encode())) as receiver:
            outcome = answered(await new_client().post(receiver.url, headers=HEADERS, body=b"{}"))
        assert (outcome.status, outcome.headers["location"]) == (status, location)
        assert len(receiver.requests) == 1
        assert seen.connected == [("127.0.0.1", receiver.port)]

    async def test_nor_is_another_way_of_saying_so(self, new_client: NewClient, seen: Seen) -> None:
        answer = (
            b'HTTP/1.1 200 OK\r\nRefresh: 0;url=http://10.0.0.1/\r\nAlt-Svc: h2="10.0.0.1:443"\r\n'
            b"Content-Location: http://10.0.0.1/\r\nContent-Length: 0\r\n\r\n"
        )  # fmt: skip
        async with receiving(answering(answer)) as receiver:
            client = new_client()
            for _ in range(2):
                answered(await client.post(receiver.url, headers=HEADERS, body=b"{}"))
        assert seen.addresses == {"127.0.0.1"}


class TestEnvironment:
    @pytest.mark.parametrize("lower", [False, True])
    async def test_no_proxy_is_read_from_it(
        self, *, lower: bool, new_client: NewClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def never(visit: Visit) -> None:
            pytest.fail("the proxy was asked")

        async with receiving(never) as proxy, receiving(answering(OK)) as receiver:
            for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
                value = f"http://127.0.0.1:{proxy.port}"
                monkeypatch.setenv(name.lower() if lower else name, value)
            monkeypatch.delenv("NO_PROXY", raising=False)
            answered(await new_client().post(receiver.url, headers=HEADERS, body=b"{}"))
        assert (proxy.visits, len(receiver.requests)) == (0, 1)

    async def test_nor_is_a_password(
        self, new_client: NewClient, monkeypatch: pytest.MonkeyPatch, tmp_path: object
    ) -> None:
        netrc = f"{tmp_path}/netrc"
        with open(netrc, "w") as file:  # noqa: ASYNC230, PTH123  # a few bytes
            file.write("machine 127.0.0.1 login me password secret\n")
        monkeypatch.setenv("NETRC", netrc)
        monkeypatch.setenv("HOME", str(tmp_path))
        async with receiving(answering(OK)) as receiver:
            answered(await new_client().post(receiver.url, headers=HEADERS, body=b"{}"))
        assert b"authorization" not in receiver.requests[0].lower()


async def test_the_systems_answer_is_read_with_its_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(*given: object, **more: object) -> list[object]:
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (PUBLIC_V6, 443, 0, 7)),
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (PUBLIC_V6, 443, 0, 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (PUBLIC, 443)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    found = [str(each) for each in ask_system("hooks.example.com", 443)]
    assert found == [f"{PUBLIC_V6}%7", PUBLIC_V6, PUBLIC]
