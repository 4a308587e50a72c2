"""What being in a trunk means for a port: hosts wire parents as any port, and no sub ports (docs/compatibility.md)."""

from collections.abc import Iterator

from tinstack.lab.network.hop import Hop, broken, note
from tinstack.lab.network.rows import Row, Rows


def trunked(rows: Rows, port: Row) -> Iterator[Hop]:
    """A word on the trunk that the port is the parent or a sub port of, if any."""
    for trunk in rows.trunks:
        name = trunk["name"] or trunk["id"]
        for one in trunk["sub_ports"]:
            if one["port_id"] == port["id"]:
                kind = f"{str(one['segmentation_type']).upper()} {one['segmentation_id']}"
                said = f"The port is {kind} of the trunk {name}, and hosts do not wire sub ports"
                yield broken("trunk", "-", f"{said}: nothing carries its packets.")
        if trunk["port_id"] == port["id"] and trunk["sub_ports"]:
            said = f"The port is the parent of the trunk {name}, and hosts do not wire sub ports"
            yield note("trunk", port["binding:host_id"] or "-", f"{said}: its tagged packets reach nobody.")
