"""Options of DHCP that a port asks for (``extra_dhcp_opts``), as dnsmasq's lines. Pure functions.

Options are written by number: a name that dnsmasq does not know would keep it from starting.
"""

import re
from collections.abc import Iterable

NUMBERS = {
    4: {
        "netmask": 1, "router": 3, "dns-server": 6, "log-server": 7, "hostname": 12, "boot-file-size": 13, "domain-name": 15,
        "swap-server": 16, "root-path": 17, "extension-path": 18, "ip-forward-enable": 19, "mtu": 26, "broadcast": 28,
        "nis-domain": 40, "nis-server": 41, "ntp-server": 42, "vendor-encap": 43, "netbios-ns": 44, "netbios-nodetype": 46,
        "T1": 58, "T2": 59, "vendor-class": 60, "tftp-server": 66, "bootfile-name": 67, "smtp-server": 69, "user-class": 77,
        "domain-search": 119, "sip-server": 120, "classless-static-route": 121, "server-ip-address": 150, "path-prefix": 210,
        "reboot-time": 211,
    },
    6: {
        "sip-server-domain": 21, "sip-server": 22, "dns-server": 23, "domain-search": 24, "nis-server": 27, "sntp-server": 31,
        "information-refresh-time": 32, "ntp-server": 56, "bootfile-url": 59, "bootfile-param": 60,
    },
}  # fmt: skip
_VALUE = re.compile(r"[\x20-\x7e]*")


def lines(tag: str, options: Iterable[tuple[str, str, int]]) -> list[str]:
    """Of those that can be said; others are left out."""
    found = []
    for name, value, version in options:
        number = int(name) if name.isdecimal() else NUMBERS.get(version, {}).get(name)
        if number and number <= (254 if version == 4 else 65535) and _VALUE.fullmatch(value) and '"' not in value:
            found.append(f"tag:{tag},{'option6:' if version == 6 else ''}{number},{value}")
    return found
