"""Addresses of the public internet: which they are, and which URLs may be called there for a stranger.

What a stranger may name, the service calls from where it stands: a metadata service, a database, another
tenant's machine (OWASP, "Server-Side Request Forgery Prevention"). So what is allowed is listed, not what is
refused: unicast addresses that IANA gives to networks, without every block that has a purpose of its own.

`ipaddress.is_global` is no such rule. In Python 3.13.0 it is true of multicast, of site-local addresses, of
NAT64's and 6to4's IPv4 addresses in IPv6, of 5f00::/16, 3fff::/20 and 100:0:0:1::/64, and of all of IPv6 that
nobody was given yet (python/cpython issues 113171, 119812, 124217, 151749).

Sources: IANA's IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890, RFC 8190), as of October 2024.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

type Address = IPv4Address | IPv6Address

LONGEST_URL = 2_000
"""The characters of the longest URL that may be called."""

_LONGEST_NAME = 253
_LAST_PORT = 65_535
_USUAL_PORTS = {"http": 80, "https": 443}

_SPECIAL_V4 = tuple(
    (IPv4Network(block), why)
    for block, why in (
        ("0.0.0.0/8", "an address of this network (RFC 791)"),
        ("10.0.0.0/8", "a private address (RFC 1918)"),
        ("100.64.0.0/10", "a carrier's shared address (RFC 6598)"),
        ("127.0.0.0/8", "a loopback address (RFC 1122)"),
        ("168.63.129.16/32", "a cloud's own service (Azure)"),
        ("169.254.0.0/16", "a link-local address (RFC 3927), as metadata services have"),
        ("172.16.0.0/12", "a private address (RFC 1918)"),
        ("192.0.0.0/24", "an address of a protocol (RFC 6890)"),
        ("192.0.2.0/24", "an address of documents (RFC 5737)"),
        ("192.31.196.0/24", "an address of the AS112 service (RFC 7535)"),
        ("192.52.193.0/24", "an address of multicast tunnels (RFC 7450)"),
        ("192.88.99.0/24", "an address of 6to4's relays (RFC 7526)"),
        ("192.168.0.0/16", "a private address (RFC 1918)"),
        ("192.175.48.0/24", "an address of the AS112 service (RFC 7534)"),
        ("198.18.0.0/15", "an address of benchmarks (RFC 2544)"),
        ("198.51.100.0/24", "an address of documents (RFC 5737)"),
        ("203.0.113.0/24", "an address of documents (RFC 5737)"),
        ("224.0.0.0/4", "a multicast address (RFC 5771)"),
        ("240.0.0.0/4", "a reserved address (RFC 1112)"),
    )
)

_LOOPBACK = IPv4Network("127.0.0.0/8")
_GLOBAL_UNICAST = IPv6Network("2000::/3")
"""All that IANA gives to networks (RFC 4291, section 2.4)."""

# Those with a longer prefix come before those that they are in.
_SPECIAL_V6 = tuple(
    (IPv6Network(block), why)
    for block, why in (
        ("::/128", "the unspecified address (RFC 4291)"),
        ("::1/128", "the loopback address (RFC 4291)"),
        ("::ffff:0:0/96", "an IPv4 address in IPv6 (RFC 4291)"),
        ("::ffff:0:0:0/96", "an IPv4 address in IPv6 (RFC 2765)"),
        ("::/96", "an IPv4 address in IPv6 (RFC 4291)"),
        ("64:ff9b::/96", "an IPv4 address in IPv6 (NAT64, RFC 6052)"),
        ("64:ff9b:1::/48", "an IPv4 address in IPv6 (NAT64, RFC 8215)"),
        ("100::/64", "an address that discards (RFC 6666)"),
        ("100:0:0:1::/64", "a dummy address (RFC 9780)"),
        ("2001::/32", "an IPv4 address in IPv6 (Teredo, RFC 4380)"),
        ("2001:2::/48", "an address of benchmarks (RFC 5180)"),
        ("2001:10::/28", "an identifier (ORCHID, RFC 4843)"),
        ("2001:20::/28", "an identifier (ORCHIDv2, RFC 7343)"),
        ("2001:30::/28", "an identifier (DRIP, RFC 9374)"),
        ("2001::/23", "an address of a protocol (RFC 2928)"),
        ("2001:db8::/32", "an address of documents (RFC 3849)"),
        ("2002::/16", "an IPv4 address in IPv6 (6to4, RFC 3056)"),
        ("2620:4f:8000::/48", "an address of the AS112 service (RFC 7534)"),
        ("3ffe::/16", "an address of the 6bone, which is no more (RFC 3701)"),
        ("3fff::/20", "an address of documents (RFC 9637)"),
        ("5f00::/16", "a segment identifier (RFC 9602)"),
        ("fc00::/7", "a private address (ULA, RFC 4193)"),
        ("fe80::/10", "a link-local address (RFC 4291)"),
        ("fec0::/10", "a site-local address (RFC 3879)"),
        ("ff00::/8", "a multicast address (RFC 4291)"),
    )
)

_ISATAP, _ISATAP_BITS = 0x0000_5EFE, 0xFDFF_FFFF


def why_not_public(address: Address) -> str | None:
    """Return what an address is that is not of the public internet, or None where it is of it.

    An IPv4 address in IPv6 is never public, whichever it is: it has its own form. A network may make NAT64
    prefixes of its own global addresses (RFC 6052, section 2.2): those have no mark by which to know them.
    """
    if isinstance(address, IPv4Address):
        return next((why for block, why in _SPECIAL_V4 if address in block), None)
    if address.scope_id is not None:
        return "an address of one link (RFC 4007)"
    for block, why in _SPECIAL_V6:
        if address in block:
            return why
    if address not in _GLOBAL_UNICAST:
        return "no address that was given to anybody (RFC 4291)"
    # Whatever network it is in, by its interface identifier it is an IPv4 address behind a tunnel.
    if int(address) >> 32 & _ISATAP_BITS == _ISATAP:
        return "an IPv4 address in IPv6 (ISATAP, RFC 5214)"
    return None


def is_loopback(address: Address) -> bool:
    """Tell whether an address is this machine's; an IPv4 address in IPv6 is none."""
    return (
        address in _LOOPBACK if isinstance(address, IPv4Address) else address == IPv6Address("::1")
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a fit URL leads. Who calls it goes by this, not by a second reading of the URL."""

    scheme: str
    host: str
    """A name in small letters, or an address without brackets."""
    port: int
    target: str
    """What the request line has: path and query (RFC 9112, section 3.2.1)."""
    authority: str
    """What the header Host has (RFC 9110, section 7.2)."""
    is_loopback: bool
    """Whether it is this machine by its looks: nothing else may be found there, and nowhere else this machine."""

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port (RFC 6454)."""
        return self.scheme, self.host, self.port


class UnfitUrlError(ValueError):
    """A URL that may not be called; its text says why."""


_CHARACTERS = re.compile(r"(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*")
_WHOLE = re.compile(
    r"(?P<scheme>https?)://(?P<authority>[^/?#]*)(?P<path>/[^?#]*)?(?P<query>\?[^#]*)?",
    re.IGNORECASE,
)
_AUTHORITY = re.compile(
    r"(?P<host>\[[0-9A-Fa-f]*:[0-9A-Fa-f:.]*\]|[A-Za-z0-9.-]+)(?::(?P<port>[1-9][0-9]{0,4}))?"
)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_TOP_LABEL = re.compile(r"[a-z]{2,63}|xn--[a-z0-9-]{0,58}[a-z0-9]")

# Names that mean something within a network only, by a standard (RFC 6761, 6762, 7686, 8375, ICANN's of
# `internal`) or by habit (RFC 6762, appendix G).
_INSIDE = frozenset(
    {
        "alt", "arpa", "corp", "home", "internal", "intranet", "lan", "local", "localdomain", "localhost",
        "onion", "private",
    }
)  # fmt: skip


def why_unfit(url: str, *, allow_loopback: bool, ports: Collection[int]) -> str | None:
    """Return why a URL may not be called, or None where it may; for people who register one."""
    try:
        place_of(url, allow_loopback=allow_loopback, ports=ports)
    except UnfitUrlError as error:
        return str(error)
    return None


def place_of(url: str, *, allow_loopback: bool, ports: Collection[int]) -> Place:
    """Return where a URL leads (RFC 3986). Raises UnfitUrlError where it may not be called.

    It has the scheme https, a full name or a public address as its host, and one of `ports`. Whatever some
    readers of URLs take for something else is refused: user information, numbers for addresses, names that
    are not ASCII, backslashes. `allow_loopback` lets 127.0.0.0/8, [::1] and localhost be called as well, by
    either scheme and at any port. Where a name leads only its resolution tells: whoever connects looks again.
    """
    whole = _whole(url)
    scheme, authority = whole["scheme"].lower(), whole["authority"]
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        raise UnfitUrlError(_why_no_authority(authority))
    host = found["host"].lower().strip("[]")
    port = int(found["port"] or _USUAL_PORTS[scheme])
    is_local = allow_loopback and _is_loopback(host)
    if not is_local:
        _require_public(scheme, found["host"].lower(), port=port, ports=ports)
    elif port > _LAST_PORT:
        raise UnfitUrlError("There is no such port.")
    return Place(
        scheme=scheme,
        host=host,
        port=port,
        target=(whole["path"] or "/") + (whole["query"] or ""),
        authority=_authority(found["host"].lower(), scheme=scheme, port=port),
        is_loopback=is_local,
    )


def _whole(url: str) -> re.Match[str]:
    if len(url) > LONGEST_URL:
        raise UnfitUrlError(f"It has more than {LONGEST_URL:,} characters.")
    if _CHARACTERS.fullmatch(url) is None:
        raise UnfitUrlError(
            "It has characters that a URL has only percent-encoded, or in a host as xn--... (RFC 3986)."
        )
    if "#" in url:
        raise UnfitUrlError("It may have no fragment.")
    whole = _WHOLE.fullmatch(url)
    if whole is None:
        raise UnfitUrlError("It has to begin with https://.")
    return whole


def _why_no_authority(authority: str) -> str:
    if "@" in authority:
        return "It may have no user information."
    return "It needs a host, a full name or an address, and a port only that there is."


def _authority(host: str, *, scheme: str, port: int) -> str:
    return host if port == _USUAL_PORTS[scheme] else f"{host}:{port}"


def _is_loopback(host: str) -> bool:
    address = _address_of(host)
    return host == "localhost" if address is None else is_loopback(address)


def _require_public(scheme: str, host: str, *, port: int, ports: Collection[int]) -> None:
    if scheme != "https":
        raise UnfitUrlError("It has to begin with https://.")
    if port not in ports:
        raise UnfitUrlError(f"Its port has to be one of {', '.join(map(str, sorted(ports)))}.")
    address = _address_of(host.strip("[]"))
    why = _why_no_name(host) if address is None else why_not_public(address)
    if why:
        raise UnfitUrlError(f"Its host is {why}.")


def _address_of(text: str) -> Address | None:
    """Return the address that a text is in its one spelling (RFC 5952; four decimal numbers)."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return address if str(address) == text else None


def _why_no_name(host: str) -> str | None:
    labels = host.split(".")
    if len(host) > _LONGEST_NAME or not all(map(_LABEL.fullmatch, labels)):
        return "no name that the DNS could have, nor an address in its usual spelling"
    # Some read a last label of digits, or one in hex, as an address (WHATWG URL, "ends in a number").
    if len(labels) == 1 or _TOP_LABEL.fullmatch(labels[-1]) is None:
        return "no full name, nor an address in its usual spelling"
    return "a name within a network only" if labels[-1] in _INSIDE else None
