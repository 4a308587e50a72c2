"""What of ours is on a host, each thing with the name that says whose it is: how an operator finds what nobody owns any more."""

import msgspec


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    """Something on this host that carries a name which only we give.

    ``kind``: domain, folder, guest (a simulated one), interface, namespace, dhcp, chain, volume, snapshot or export. ``name``: as the
    host knows it. ``owner``: the id in it of the server, port, network, router, volume, snapshot or attachment; for interfaces
    and chains its first eleven characters, as long as they fit there.
    """

    kind: str
    name: str
    owner: str
