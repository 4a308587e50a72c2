"""From an instance's row to what the guest is told."""

from tinstack.api.config import Config
from tinstack.computedb.rows import Address, Instance, Interface
from tinstack.core.guestdata import Guest, GuestAddress, GuestDisk, GuestNic, fqdn, tap_of


def guest_of(row: Instance, config: Config) -> Guest:
    """The values that the documents are made of."""
    return Guest(
        id=row.id,
        name=row.name,
        hostname=fqdn(row.hostname, config.dhcp_domain),
        project_id=row.project_id,
        availability_zone=row.availability_zone,
        launch_index=row.launch_index,
        number=row.number,
        reservation_id=row.reservation_id,
        flavor_name=row.flavor.name,
        image_id=row.image_id,
        metadata=row.metadata,
        key_name=row.key_name,
        public_key=row.public_key,
        user_data=row.user_data,
        security_groups=tuple(row.security_groups),
        nics=tuple(_nic(interface) for interface in row.network_info),
        disks=tuple(
            GuestDisk(serial=volume.volume_id, tag=volume.tag, path=volume.device)
            for volume in row.volumes
            if volume.tag and volume.volume_id
        ),
    )


def _nic(interface: Interface) -> GuestNic:
    return GuestNic(
        port_id=interface.port_id,
        network_id=interface.network_id,
        mac=interface.mac,
        device=tap_of(interface.port_id),
        tag=interface.tag,
        mtu=interface.mtu,
        addresses=tuple(_address(address) for address in interface.addresses),
    )


def _address(address: Address) -> GuestAddress:
    return GuestAddress(ip=address.ip, version=address.version, floating=address.kind == "floating")
