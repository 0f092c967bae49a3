"""Hostile URLs, by the class of the trick: what each tries to reach is no address of the public internet.

The boundaries of every block of IANA's registries, and the addresses that attackers want, in every notation that
some reader of URLs or some resolver is known to understand.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from tests.shared.core.special_addresses import METADATA, MULTICAST, SPECIAL_V4, SPECIAL_V6

WANTED = (
    "127.0.0.1",
    "169.254.169.254",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.100.100.200",
    "0.0.0.0",  # noqa: S104  # an attacker's target, not a bind
    "168.63.129.16",
)
"""IPv4 addresses worth an attack: loopback, metadata services, private networks, `this host`."""


def boundaries(networks: tuple[str, ...]) -> Iterator[str]:
    """The first and the last address of each block."""
    for text in networks:
        network: IPv4Network | IPv6Network = (IPv6Network if ":" in text else IPv4Network)(text)
        yield from dict.fromkeys((str(network[0]), str(network[-1])))


V4 = tuple(boundaries((*SPECIAL_V4, *MULTICAST[:1])))
V6 = tuple(boundaries((*SPECIAL_V6, *MULTICAST[1:])))
INTERNAL = tuple(dict.fromkeys((*V4, *V6, *WANTED, *METADATA)))
"""Every address that no name may lead to."""


def _number(address: str) -> int:
    return int(IPv4Address(address))


def _octets(address: str) -> list[int]:
    return [int(each) for each in address.split(".")]


def decimal(address: str) -> str:
    return str(_number(address))


def hexadecimal(address: str) -> str:
    return f"0x{_number(address):08x}"


def octal(address: str) -> str:
    return f"0{_number(address):o}"


def dotted_octal(address: str) -> str:
    return ".".join(f"0{each:03o}" for each in _octets(address))


def dotted_hexadecimal(address: str) -> str:
    return ".".join(f"0x{each:x}" for each in _octets(address))


def mixed_bases(address: str) -> str:
    one, two, three, four = _octets(address)
    return f"0x{one:x}.{two}.0{three:o}.{four}"


def of_two_parts(address: str) -> str:
    return f"{_octets(address)[0]}.{_number(address) & 0xFFFFFF}"


def of_three_parts(address: str) -> str:
    one, two, *_ = _octets(address)
    return f"{one}.{two}.{_number(address) & 0xFFFF}"


def overflowing(address: str) -> str:
    return str(_number(address) + (1 << 32))


def padded(address: str) -> str:
    return ".".join(f"{each:04d}" for each in _octets(address))


def with_final_dot(address: str) -> str:
    return f"{address}."


def fullwidth(address: str) -> str:
    return address.translate({ord(digit): 0xFF10 + int(digit) for digit in "0123456789"})


def circled(address: str) -> str:
    circles = "⓪①②③④⑤⑥⑦⑧⑨"
    return address.translate({ord(str(index)): circle for index, circle in enumerate(circles)})


def with_ideographic_dots(address: str) -> str:
    return address.replace(".", "。")


def with_halfwidth_dots(address: str) -> str:
    return address.replace(".", "\uff61")


def with_fullwidth_dots(address: str) -> str:
    return address.replace(".", "\uff0e")


def with_soft_hyphen(address: str) -> str:
    return address.replace(".", "\u00ad.", 1)


def with_zero_width_space(address: str) -> str:
    return address.replace(".", "\u200b.", 1)


def percent_encoded(address: str) -> str:
    return address.replace(".", "%2e")


def all_percent_encoded(address: str) -> str:
    return "".join(f"%{ord(each):02x}" for each in address)


def mapped(address: str) -> str:
    return f"[::ffff:{address}]"


def mapped_in_hex(address: str) -> str:
    return f"[::ffff:{_halves(address)}]"


def mapped_in_full(address: str) -> str:
    return f"[0:0:0:0:0:ffff:{_halves(address)}]"


def compatible(address: str) -> str:
    return f"[::{_halves(address)}]"


def translated(address: str) -> str:
    return f"[::ffff:0:{_halves(address)}]"


def nat64(address: str) -> str:
    return f"[64:ff9b::{_halves(address)}]"


def nat64_dotted(address: str) -> str:
    return f"[64:ff9b::{address}]"


def local_nat64(address: str) -> str:
    return f"[64:ff9b:1::{_halves(address)}]"


def six_to_four(address: str) -> str:
    return f"[2002:{_halves(address)}::1]"


def teredo(address: str) -> str:
    hidden = IPv6Address((0x20010000 << 96) | (_number(address) ^ 0xFFFFFFFF))
    return f"[{hidden}]"


def isatap(address: str) -> str:
    return f"[{IPv6Address(f'2606:4700::5efe:{_halves(address)}')}]"


def _halves(address: str) -> str:
    return f"{_number(address) >> 16:x}:{_number(address) & 0xFFFF:x}"


NUMBERS = (
    decimal, hexadecimal, octal, dotted_octal, dotted_hexadecimal, mixed_bases, of_two_parts,
    of_three_parts, overflowing, padded, with_final_dot,
)  # fmt: skip
LOOKALIKES = (
    fullwidth, circled, with_ideographic_dots, with_halfwidth_dots, with_fullwidth_dots, with_soft_hyphen,
    with_zero_width_space, percent_encoded, all_percent_encoded,
)  # fmt: skip
EMBEDDED = (
    mapped, mapped_in_hex, mapped_in_full, compatible, translated, nat64, nat64_dotted, local_nat64,
    six_to_four, teredo, isatap,
)  # fmt: skip


def _around(address: str) -> Iterator[str]:
    """Readers disagree where the host of these is."""
    yield f"https://hooks.example.com@{address}/"
    yield f"https://hooks.example.com:443@{address}/"
    yield f"https://{address}@hooks.example.com/"
    yield f"https://hooks.example.com%40{address}/"
    yield f"https://hooks.example.com\\@{address}/"
    yield f"https://{address}\\@hooks.example.com/"
    yield f"https://{address}#@hooks.example.com/"
    yield f"https://hooks.example.com#@{address}/"
    yield f"https://{address}?@hooks.example.com/"
    yield f"https://hooks.example.com\t@{address}/"
    yield f"https://{address}\r\nHost: hooks.example.com/"
    yield f"https://{address}\x00.hooks.example.com/"
    yield f"https://{address} .hooks.example.com/"
    yield f"https://{address},hooks.example.com/"
    yield f"https://{address}:443:443/"
    yield f"https://[{address}]/"
    yield f"https:\\\\{address}/"
    yield f"https:/{address}/"
    yield f"https:{address}"
    yield f"https:///{address}/"
    yield f"//{address}/"
    yield f" https://{address}/"
    yield f"ht\ntps://{address}/"


def _by_address(notations: tuple[object, ...], addresses: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(
        f"https://{notation(address)}/hook"  # type: ignore[operator]
        for notation in notations
        for address in addresses
    )


SCHEMES = (
    "http", "ftp", "file", "gopher", "dict", "ldap", "tftp", "jar", "data", "ws", "wss", "unix",
    "http+unix", "netdoc", "javascript", "sftp", "smb",
)  # fmt: skip

NAMES = (
    "localhost", "LOCALHOST", "localhost.", "api.localhost", "localhost.localdomain", "ip6-localhost",
    "broadcasthost", "router", "metadata", "metadata.google.internal", "instance-data.ec2.internal",
    "ip-10-0-0-1.eu-west-1.compute.internal", "printer.local", "nas.lan", "intranet", "wiki.intranet",
    "db.corp", "router.home", "router.home.arpa", "1.0.0.127.in-addr.arpa", "vault.private",
    "abcdefghij234567.onion", "_http._tcp.example.com", "-a.example.com", "a..example.com",
    ".example.com", "example.com..", "a" * 64 + ".example.com", ".".join(["a" * 63] * 4) + ".com",
    "hooks.example.com.", "hooks.example.123", "hooks.example.0x7f", "1.2.3", "1.2.3.4.5", "256.256.256.256",
    "täst.example.com", "hooks.example.c\u043em", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "localhost\u3002localdomain", "%6c%6f%63alhost",
)  # fmt: skip

SPELLINGS = (
    "https://[::1%25lo]/", "https://[fe80::1%25eth0]/", "https://[fe80::1%eth0]/", "https://[::1%lo]/",
    "https://[0:0:0:0:0:0:0:1]/", "https://[::0001]/", "https://[::]/", "https://[0000::1]/",
    "https://[::1]:443/", "https://[::1", "https://::1/", "https://[v1.fe80::a]/", "https://[]/",
    "https://[2606:4700:0:0:0:0:0:1111]/", "https://[2606:4700::1111.]/", "https://[1.1.1.1]/",
)  # fmt: skip

PORTS = (
    "https://hooks.example.com:22/", "https://hooks.example.com:25/", "https://hooks.example.com:80/",
    "https://hooks.example.com:6379/", "https://hooks.example.com:5432/", "https://hooks.example.com:0/",
    "https://hooks.example.com:00443/", "https://hooks.example.com:65536/", "https://hooks.example.com:-1/",
    "https://hooks.example.com:443443/", "https://hooks.example.com:/", "https://hooks.example.com:\uff14\uff14\uff13/",
    "https://hooks.example.com:4 43/", "https://hooks.example.com:0x1bb/",
)  # fmt: skip

CLASSES: dict[str, tuple[str, ...]] = {
    "boundaries of IPv4's blocks": tuple(f"https://{each}/" for each in V4),
    "boundaries of IPv6's blocks": tuple(f"https://[{each}]/" for each in V6),
    "metadata services": tuple(
        f"https://{f'[{each}]' if ':' in each else each}/latest/meta-data/" for each in METADATA
    ),
    "numbers for addresses": _by_address(NUMBERS, WANTED),
    "characters that look like digits and dots": _by_address(LOOKALIKES, WANTED),
    "IPv4 in IPv6, of what is wanted": _by_address(EMBEDDED, WANTED),
    "IPv4 in IPv6, of every block": _by_address((mapped_in_hex, nat64, six_to_four), V4),
    "IPv4 in IPv6, of a public address": _by_address(EMBEDDED, ("93.184.215.14",)),
    "where the host is": tuple(each for wanted in WANTED[:3] for each in _around(wanted)),
    "schemes": tuple(f"{scheme}://127.0.0.1/" for scheme in SCHEMES),
    "schemes to a public name": tuple(f"{scheme}://hooks.example.com/" for scheme in SCHEMES),
    "names": tuple(f"https://{name}/" for name in NAMES),
    "spellings of IPv6": SPELLINGS,
    "ports": PORTS,
}
"""Unfit URLs by their trick."""

URLS = tuple((trick, url) for trick, urls in CLASSES.items() for url in dict.fromkeys(urls))
