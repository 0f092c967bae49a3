"""What is no address of the public internet is known by its number, and an unfit URL by its spelling."""

from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.core.public_addresses import (
    LONGEST_URL,
    UnfitUrlError,
    is_loopback,
    place_of,
    why_not_public,
    why_unfit,
)
from tests.shared.core.special_addresses import (
    METADATA,
    MULTICAST,
    SPECIAL_V4,
    SPECIAL_V6,
    UNGIVEN_V6,
)

BLOCKS = (*SPECIAL_V4, *SPECIAL_V6, *MULTICAST, *UNGIVEN_V6)
PORTS = (443, 8443)

PUBLIC = [
    "1.0.0.0", "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "93.184.215.14", "100.63.255.255",
    "100.128.0.0", "126.255.255.255", "128.0.0.0", "168.63.129.15", "168.63.129.17", "169.253.255.255",
    "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0", "192.0.1.255",
    "192.0.3.0", "192.31.195.255", "192.31.197.0", "192.88.98.255", "192.88.100.0", "192.167.255.255",
    "192.169.0.0", "198.17.255.255", "198.20.0.0", "198.51.99.255", "198.51.101.0", "203.0.112.255",
    "203.0.114.0", "223.255.255.255", "2001:200::", "2001:4860:4860::8888", "2001:db7:ffff::1",
    "2001:db9::", "2003::1", "2606:4700:4700::1111", "2620:4f:7fff::1", "2620:4f:8001::", "2a00:1450::1",
    "2c0f:fb50::1", "2606:4700::100:5efe:1",
]  # fmt: skip


def first_and_last(block: str) -> set[str]:
    network = ip_network(block)
    return {str(network[0]), str(network[-1])}


@pytest.mark.parametrize("block", BLOCKS)
def test_no_block_of_the_registries_is_public_to_its_boundaries(block: str) -> None:
    assert all(why_not_public(ip_address(each)) for each in first_and_last(block))


@pytest.mark.parametrize("block", BLOCKS)
@settings(max_examples=25)
@given(number=st.integers(min_value=0, max_value=2**128 - 1))
def test_nor_is_any_address_within(block: str, number: int) -> None:
    network = ip_network(block)
    assert why_not_public(network[number % network.num_addresses])


@pytest.mark.parametrize("address", METADATA)
def test_no_metadata_service_is_public(address: str) -> None:
    assert why_not_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_what_networks_were_given_is_public_up_to_the_next_block(address: str) -> None:
    assert why_not_public(ip_address(address)) is None


@given(number=st.integers(min_value=0, max_value=2**32 - 1))
def test_an_ipv4_address_is_public_if_no_registry_has_it(number: int) -> None:
    address = ip_address(number)
    special = (*SPECIAL_V4, MULTICAST[0], "168.63.129.16/32")
    is_special = any(address in IPv4Network(block) for block in special)
    assert (why_not_public(address) is not None) is is_special


@given(
    prefix=st.sampled_from(
        ["::ffff:0:0", "::", "::ffff:0:0:0", "64:ff9b::", "64:ff9b:1::", "64:ff9b:1:ffff::"]
    ),
    number=st.integers(min_value=0, max_value=2**32 - 1),
)
def test_an_ipv4_address_in_ipv6_is_never_public(prefix: str, number: int) -> None:
    assert why_not_public(IPv6Address(int(IPv6Address(prefix)) | number))


@given(number=st.integers(min_value=0, max_value=2**32 - 1), rest=st.integers(0, 2**64 - 1))
def test_nor_is_one_behind_a_tunnel(number: int, rest: int) -> None:
    six_to_four = IPv6Address(0x2002 << 112 | number << 80 | rest)
    teredo = IPv6Address(0x20010000 << 96 | rest << 32 | number ^ 0xFFFFFFFF)
    isatap = IPv6Address(0x2A00 << 112 | 0x5EFE << 32 | number)
    global_isatap = IPv6Address(0x2A00 << 112 | 0x0200_5EFE << 32 | number)
    assert all(map(why_not_public, (six_to_four, teredo, isatap, global_isatap)))


@given(number=st.integers(min_value=0, max_value=2**128 - 1))
def test_no_ipv6_address_outside_global_unicast_is_public(number: int) -> None:
    address = IPv6Address(number)
    assert why_not_public(address) is not None or address in IPv6Network("2000::/3")


def test_an_address_of_one_link_is_not_public_whatever_its_number() -> None:
    assert why_not_public(ip_address("2606:4700:4700::1111%eth0"))


@pytest.mark.parametrize(
    "address",
    ["5f00::1", "3fff::1", "224.0.0.1", "ff0e::1", "fec0::1", "64:ff9b::a00:1", "100:0:0:1::1"],
)
def test_it_does_not_rest_on_is_global(address: str) -> None:
    assert why_not_public(ip_address(address))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("127.255.255.255", True),
        ("::1", True),
        ("::ffff:127.0.0.1", False),
        ("128.0.0.0", False),
        ("::", False),
    ],
)
def test_loopback_is_loopback_by_its_own_form(address: str, *, expected: bool) -> None:
    assert is_loopback(ip_address(address)) is expected


FIT = [
    ("https://hooks.example.com", "hooks.example.com", 443, "/"),
    ("https://hooks.example.com/", "hooks.example.com", 443, "/"),
    ("HTTPS://Hooks.Example.COM/In?x=1", "hooks.example.com", 443, "/In?x=1"),
    ("https://hooks.example.com:8443/a/b", "hooks.example.com", 8443, "/a/b"),
    ("https://hooks.example.com:443?x", "hooks.example.com", 443, "/?x"),
    ("https://xn--tst-qla.example/%C3%A4", "xn--tst-qla.example", 443, "/%C3%A4"),
    ("https://a.xn--p1ai/", "a.xn--p1ai", 443, "/"),
    ("https://0.a1-b.example.com/@x:y", "0.a1-b.example.com", 443, "/@x:y"),
    ("https://93.184.215.14/", "93.184.215.14", 443, "/"),
    ("https://[2606:4700:4700::1111]:8443/", "2606:4700:4700::1111", 8443, "/"),
]


@pytest.mark.parametrize(("url", "host", "port", "target"), FIT)
def test_a_fit_url_says_where_it_leads(url: str, host: str, port: int, target: str) -> None:
    assert why_unfit(url, allow_loopback=False, ports=PORTS) is None
    place = place_of(url, allow_loopback=False, ports=PORTS)
    assert (place.origin, place.target) == (("https", host, port), target)
    assert not place.is_loopback


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://Hooks.example.com:443/", "hooks.example.com"),
        ("https://hooks.example.com:8443/", "hooks.example.com:8443"),
        ("https://[2606:4700::1]/", "[2606:4700::1]"),
        ("https://[2606:4700::1]:8443/", "[2606:4700::1]:8443"),
    ],
)
def test_the_authority_has_the_port_that_is_not_the_schemes(url: str, authority: str) -> None:
    assert place_of(url, allow_loopback=False, ports=PORTS).authority == authority


def test_a_url_has_at_most_two_thousand_characters() -> None:
    longest = "https://hooks.example.com/".ljust(LONGEST_URL, "a")
    assert why_unfit(longest, allow_loopback=False, ports=PORTS) is None
    assert why_unfit(longest + "a", allow_loopback=False, ports=PORTS)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://hooks.example.com/", "It has to begin with https://."),
        ("https://me@hooks.example.com/", "It may have no user information."),
        ("https://hooks.example.com/#x", "It may have no fragment."),
        ("https://hooks.example.com:444/", "Its port has to be one of 443, 8443."),
        ("https://10.0.0.1/", "Its host is a private address (RFC 1918)."),
        ("https://db.internal/", "Its host is a name within a network only."),
        ("https://2130706433/", "Its host is no full name, nor an address in its usual spelling."),
        ("https://täst.example/", "xn--"),
        ("https://hooks.example.com:99999/", "Its port has to be one of"),
        ("https:///x", "It needs a host"),
    ],
)
def test_its_owner_is_told_what_is_wrong(url: str, why: str) -> None:
    assert why in (why_unfit(url, allow_loopback=False, ports=PORTS) or "")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000/hook",
        "http://127.9.9.9/",
        "https://127.0.0.1:9443/",
        "http://[::1]:8000/",
        "http://localhost:8000/",
        "https://LOCALHOST/",
    ],
)
def test_this_machine_is_fit_where_that_is_allowed_only(url: str) -> None:
    assert place_of(url, allow_loopback=True, ports=PORTS).is_loopback
    assert why_unfit(url, allow_loopback=False, ports=PORTS)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "http://10.0.0.1/",
        "http://0.0.0.0/",
        "http://127.1/",
        "http://2130706433/",
        "http://[::ffff:7f00:1]/",
        "http://localhost.example.com/",
        "http://api.localhost/",
        "http://localhost./",
        "http://127.0.0.1:65536/",
        "http://127.0.0.1:0/",
        "http://me@127.0.0.1/",
        "ftp://127.0.0.1/",
        "https://169.254.169.254/",
    ],
)
def test_and_nothing_else_is_by_that(url: str) -> None:
    with pytest.raises(UnfitUrlError):
        place_of(url, allow_loopback=True, ports=PORTS)


@given(url=st.text())
def test_a_text_is_fit_or_unfit_and_nothing_else(url: str) -> None:
    why_unfit(url, allow_loopback=True, ports=PORTS)


@given(rest=st.text(alphabet="0123456789abcdefx.:[]@/\\%?#-", max_size=40))
def test_what_is_fit_leads_to_a_name_or_to_a_public_address(rest: str) -> None:
    try:
        place = place_of(f"https://{rest}", allow_loopback=False, ports=PORTS)
    except UnfitUrlError:
        return
    if place.host.replace(".", "").isdigit() or ":" in place.host:
        assert why_not_public(ip_address(place.host)) is None
    else:
        assert place.host.rsplit(".", 1)[1].isalpha() or ".xn--" in place.host
