"""Which network a reader comes from. Pure rules."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

# What one household, office or rented machine usually has to itself.
PREFIX_BITS = {4: 24, 6: 48}


def prefix(address: str) -> str:
    """The network of an IP address, such as "192.0.2.0/24"; "" for what is no address.

    An IPv4 address in IPv6 notation is the IPv4 address.
    """
    try:
        found: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return str(ip_network((found, PREFIX_BITS[found.version]), strict=False))
