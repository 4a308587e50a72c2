"""What Debian's cloud-init makes of a metadata service or a config drive: a script for a host that has its package unpacked.

judge.py service            from where a guest would ask
judge.py drive FOLDER       the content of a config drive
"""

import base64
import json
import sys
import tempfile
from typing import Any

from cloudinit import distros, helpers, user_data  # type: ignore[import-not-found]
from cloudinit.net import eni, network_state  # type: ignore[import-not-found]
from cloudinit.sources import DataSourceConfigDrive, DataSourceOpenStack  # type: ignore[import-not-found]
from cloudinit.sources.helpers import openstack  # type: ignore[import-not-found]


def by_service(paths: Any) -> Any:
    """The data source as in a guest; that this machine is one is taken as said."""
    DataSourceOpenStack.detect_openstack = lambda accept_oracle=False: True
    settings = {"datasource_list": ["OpenStack"], "datasource": {"OpenStack": {"max_wait": 30, "timeout": 5}}}
    source = DataSourceOpenStack.DataSourceOpenStack(settings, distro(paths), paths)
    assert source._get_data(), "cloud-init found no OpenStack here"
    return source


def by_drive(paths: Any, folder: str) -> Any:
    """The same of a drive that is mounted there."""
    source = DataSourceConfigDrive.DataSourceConfigDrive({}, distro(paths), paths)
    results = DataSourceConfigDrive.read_config_drive(folder)
    source.metadata, source.userdata_raw = results["metadata"], results.get("userdata")
    source.vendordata_raw, source.network_json = results.get("vendordata"), results.get("networkdata")
    source.ec2_metadata = results.get("ec2-metadata")
    return source


def distro(paths: Any) -> Any:
    """Debian, as its package has it."""
    return distros.fetch("debian")("debian", {}, paths)


def rendered(network_json: Any, folder: str) -> str:
    """``/etc/network/interfaces`` for the links of this machine."""
    config = openstack.convert_net_json(network_json, known_macs=None)
    eni.Renderer({"eni_path": "interfaces"}).render_network_state(
        network_state.parse_net_config_data(config), target=folder
    )
    with open(f"{folder}/interfaces") as file:
        return file.read()


def main() -> None:
    """Print all of it as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        paths = helpers.Paths({"cloud_dir": folder, "run_dir": folder, "templates_dir": folder})
        source = by_drive(paths, sys.argv[2]) if sys.argv[1] == "drive" else by_service(paths)
        raw = source.userdata_raw or b""
        raw = raw.encode() if isinstance(raw, str) else raw
        parts = user_data.UserDataProcessor(paths).process(raw)
        found = {
            "instance_id": source.get_instance_id(),
            "hostname": source.get_hostname(fqdn=True)[0],
            "keys": source.get_public_ssh_keys(),
            "zone": source.availability_zone,
            "user_data": base64.b64encode(raw).decode(),
            "parts": [part.get_content_type() for part in parts.walk() if not part.is_multipart()],
            "vendor_data": source.vendordata_raw,
            "interfaces": rendered(source.network_json, folder),
            "ec2_instance_id": (source.ec2_metadata or {}).get("instance-id"),
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
