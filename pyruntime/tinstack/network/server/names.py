"""Host names of ports, as DHCP and DNS say them. Source: Network API reference, DNS integration."""

import re

LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)


def hostname(dns_name: str, ip: str) -> str:
    """The port's own name, or one made of its address."""
    return dns_name.lower().partition(".")[0] if dns_name else "host-" + ip.replace(".", "-").replace(":", "-")


def is_name(text: str) -> bool:
    """A label, or labels with dots."""
    return len(text) <= 253 and all(LABEL.fullmatch(label) for label in text.rstrip(".").split("."))
