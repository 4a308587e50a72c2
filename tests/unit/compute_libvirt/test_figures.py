"""What libvirt measures, in the API's forms."""

from pathlib import Path

from tinstack.compute.drivers.interface import RUNNING, SHUTDOWN
from tinstack.compute.drivers.libvirt.disks import Folder
from tinstack.compute.drivers.libvirt.figures import cpu_info, diagnostics

CAPABILITIES = """<capabilities><host><cpu><arch>x86_64</arch><model>Broadwell</model><vendor>Intel</vendor>
<topology sockets='1' dies='1' cores='2' threads='2'/><feature name='vme'/><feature name='ss'/></cpu>
<topology><cells num='1'><cell id='0'/></cells></topology></host></capabilities>"""

MEASURED = {
    "vcpu.current": 2, "vcpu.0.time": 7, "vcpu.1.time": 8, "balloon.current": 65536, "balloon.maximum": 131072,
    "block.count": 1, "block.0.rd.reqs": 1, "block.0.rd.bytes": 2, "block.0.wr.reqs": 3, "block.0.wr.bytes": 4,
    "net.count": 1, "net.0.name": "tap1", "net.0.rx.bytes": 1, "net.0.rx.pkts": 2, "net.0.rx.errs": 3, "net.0.rx.drop": 4,
    "net.0.tx.bytes": 5, "net.0.tx.pkts": 6, "net.0.tx.errs": 7, "net.0.tx.drop": 8,
}  # fmt: skip


def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path, "id")
    made.path.mkdir()
    made.xml.write_text(
        "<domain><devices><interface><mac address='52:54:00:00:00:01'/><target dev='tap1'/></interface></devices></domain>"
    )
    made.mark_started()
    return made


def test_the_processor_is_described_as_the_api_does() -> None:
    assert cpu_info(CAPABILITIES) == {
        "arch": "x86_64",
        "model": "Broadwell",
        "vendor": "Intel",
        "features": ["vme", "ss"],
        "topology": {"cells": 1, "sockets": 1, "cores": 2, "threads": 2},
    }


def test_a_running_guest_has_figures(tmp_path: Path) -> None:
    shown = diagnostics(MEASURED, RUNNING, "kvm", folder(tmp_path))
    assert shown | {"uptime": 0} == {
        "state": "running",
        "driver": "libvirt",
        "hypervisor": "kvm",
        "hypervisor_os": "linux",
        "uptime": 0,
        "config_drive": False,
        "num_cpus": 2,
        "num_nics": 1,
        "num_disks": 1,
        "cpu_details": [{"id": 0, "time": 7, "utilisation": None}, {"id": 1, "time": 8, "utilisation": None}],
        "disk_details": [
            {"read_bytes": 2, "read_requests": 1, "write_bytes": 4, "write_requests": 3, "errors_count": None}
        ],
        "nic_details": [
            {
                "mac_address": "52:54:00:00:00:01",
                "rx_octets": 1,
                "rx_errors": 3,
                "rx_drop": 4,
                "rx_packets": 2,
                "rx_rate": None,
                "tx_octets": 5,
                "tx_errors": 7,
                "tx_drop": 8,
                "tx_packets": 6,
                "tx_rate": None,
            }
        ],
        "memory_details": {"maximum": 128, "used": 64},
    }


def test_a_guest_that_is_off_uses_nothing(tmp_path: Path) -> None:
    shown = diagnostics({"balloon.maximum": 131072, "balloon.current": 131072}, SHUTDOWN, "qemu", folder(tmp_path))
    assert (shown["state"], shown["uptime"], shown["memory_details"]) == ("shutdown", 0, {"maximum": 128, "used": 0})
