"""What an address belongs to: strangers change theirs at will within what one of them has."""

from __future__ import annotations

import ipaddress


def household(peer: str) -> str:
    """Return what one household has: an IPv4 address, or 2^64 of IPv6."""
    return _network(peer, 32, 64)


def site(peer: str) -> str:
    """Return what one site has, or buys for little: 256 addresses of IPv4, or 2^80 of IPv6."""
    return _network(peer, 24, 48)


def _network(peer: str, bits_of_4: int, bits_of_6: int) -> str:
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return peer[:64]
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    bits = bits_of_4 if address.version == 4 else bits_of_6
    network = ipaddress.ip_network((address, bits), strict=False)
    return str(network.network_address if network.num_addresses == 1 else network)
