"""Networks as CIDR blocks (RFC 4632, RFC 4291), and whether an address is in one."""

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

_MAPPED_BITS = 96
"""An IPv4 address that is written as IPv6 (RFC 4291, section 2.5.5.2) begins with so many bits."""


def normalised(block: str) -> str:
    """Return a block in its one spelling: `10.1.2.3/8` is `10.0.0.0/8`, `192.0.2.1` is `192.0.2.1/32`.

    Raises ValueError for what is no block.
    """
    return str(_network_of(block))


def contains(blocks: Iterable[str], address: str) -> bool:
    """Tell whether one of the blocks has an address; what is no address is in none."""
    try:
        found = _plain(ip_address(address))
    except ValueError:
        return False
    return any(found in _network_of(block) for block in blocks)


def _network_of(block: str) -> IPv4Network | IPv6Network:
    if "%" in block:
        raise ValueError("a zone means something on one machine only")
    network = ip_network(block, strict=False)
    if isinstance(network, IPv6Network) and network.prefixlen >= _MAPPED_BITS:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))
    return network


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
