"""What the config drive of a server holds: the same documents as the metadata service's."""

import secrets
from typing import Any

import msgspec

from tinstack.compute.drivers.interface import Nic
from tinstack.conductor.rpc import ServerDetails
from tinstack.core import guestdata
from tinstack.core.guestdata import Guest, GuestAddress, GuestDisk, GuestNic

FOLDERS = ("latest", guestdata.OPENSTACK_VERSIONS[-1])


def files(server: ServerDetails, ports: list[dict[str, Any]], nics: list[Nic]) -> dict[str, bytes]:
    """Path inside the drive → content. ``ports``: the Network API's bodies; ``nics``: made of them."""
    guest = _guest(server, ports, {nic.port_id: nic.mtu for nic in nics})
    seed = secrets.token_bytes(512)
    documents = guestdata.openstack_files(guest, seed, with_password=True)
    drive = {f"openstack/{folder}/{name}": data for folder in FOLDERS for name, data in documents.items()}
    drive["ec2/latest/meta-data.json"] = msgspec.json.encode(guestdata.ec2_meta_data(guest))
    return drive


def _guest(server: ServerDetails, ports: list[dict[str, Any]], mtus: dict[str, int]) -> Guest:
    tags = {port.id: port.tag for port in server.ports}
    return Guest(
        id=server.id,
        name=server.name,
        hostname=server.hostname,
        project_id=server.project_id,
        availability_zone=server.availability_zone,
        launch_index=server.launch_index,
        reservation_id=server.reservation_id,
        security_groups=tuple(server.security_groups),
        number=int(server.instance_name.rpartition("-")[2], 16),
        flavor_name=server.flavor.name,
        image_id=server.image_id,
        metadata=server.metadata,
        key_name=server.key_name,
        public_key=server.public_key,
        user_data=server.user_data,
        admin_password=server.admin_password,
        nics=tuple(
            GuestNic(
                port_id=port["id"],
                network_id=port["network_id"],
                mac=port["mac_address"],
                device=guestdata.tap_of(port["id"]),
                addresses=tuple(_address(fixed["ip_address"]) for fixed in port["fixed_ips"]),
                tag=tags.get(port["id"]),
                mtu=mtus.get(port["id"]),
            )
            for port in ports
        ),
        disks=tuple(
            GuestDisk(serial=disk.volume_id, tag=disk.tag, path=disk.device)
            for disk in server.volumes
            if disk.tag and disk.volume_id
        ),
    )


def _address(ip: str) -> GuestAddress:
    return GuestAddress(ip=ip, version=6 if ":" in ip else 4)
