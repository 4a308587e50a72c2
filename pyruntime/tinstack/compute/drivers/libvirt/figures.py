"""What libvirt measures, in the API's forms. Sources: Compute API reference, "Server diagnostics" (2.48) and "Hypervisors"."""

import os
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from tinstack.compute.drivers.interface import PAUSED, RUNNING, SHUTDOWN, SUSPENDED, HostFacts
from tinstack.compute.drivers.libvirt.disks import GIB, Folder
from tinstack.compute.drivers.libvirt.hypervisor import HostDescription

KIB = 1024
STATES = {RUNNING: "running", PAUSED: "paused", SHUTDOWN: "shutdown", SUSPENDED: "suspended"}


def facts(host: HostDescription, instances: Path) -> HostFacts:
    """What the host has; disk: of the file system with the instances."""
    space = os.statvfs(instances)
    return HostFacts(
        hypervisor_type=host.type,
        hypervisor_version=host.version,
        vcpus=host.vcpus,
        ram_mib=host.ram_mib,
        disk_gib=space.f_blocks * space.f_frsize // GIB,
        free_disk_gib=space.f_bavail * space.f_frsize // GIB,
        cpu_info=cpu_info(host.capabilities),
    )


def cpu_info(capabilities: str) -> dict[str, Any]:
    """The host's processor, from libvirt's capabilities."""
    root = ElementTree.fromstring(capabilities)
    cpu, found = root.find("host/cpu"), {"cells": len(root.findall("host/topology/cells/cell")) or 1}
    if cpu is None:
        return {"arch": os.uname().machine, "model": "", "vendor": "", "features": [], "topology": found}
    topology = cpu.find("topology")
    if topology is not None:
        found |= {name: int(topology.get(name, "1")) for name in ("sockets", "cores", "threads")}
    return {
        "arch": cpu.findtext("arch", ""),
        "model": cpu.findtext("model", ""),
        "vendor": cpu.findtext("vendor", ""),
        "features": [feature.get("name", "") for feature in cpu.findall("feature")],
        "topology": found,
    }


def diagnostics(figures: dict[str, Any], state: int, virt_type: str, folder: Folder) -> dict[str, object]:
    """A guest's figures; those that libvirt has not are null. ``time``: ns, memory: MiB, ``uptime``: s since it was started."""
    addresses = _addresses(folder.xml)
    cpus = range(int(figures.get("vcpu.current", 0)))
    disks = range(int(figures.get("block.count", 0)))
    nics = range(int(figures.get("net.count", 0)))
    return {
        "state": STATES.get(state, "crashed"),
        "driver": "libvirt",
        "hypervisor": virt_type,
        "hypervisor_os": "linux",
        "uptime": _uptime(folder.started) if state in (RUNNING, PAUSED) else 0,
        "config_drive": folder.config_drive.exists(),
        "num_cpus": len(cpus),
        "num_nics": len(nics),
        "num_disks": len(disks),
        "cpu_details": [{"id": n, "time": figures.get(f"vcpu.{n}.time"), "utilisation": None} for n in cpus],
        "disk_details": [_disk(figures, f"block.{n}") for n in disks],
        "nic_details": [_nic(figures, f"net.{n}", addresses) for n in nics],
        "memory_details": {
            "maximum": int(figures.get("balloon.maximum", 0)) // KIB,
            "used": int(figures.get("balloon.current", 0)) // KIB if state in (RUNNING, PAUSED) else 0,
        },
    }


def _disk(figures: dict[str, Any], at: str) -> dict[str, Any]:
    return {
        "read_bytes": figures.get(f"{at}.rd.bytes"),
        "read_requests": figures.get(f"{at}.rd.reqs"),
        "write_bytes": figures.get(f"{at}.wr.bytes"),
        "write_requests": figures.get(f"{at}.wr.reqs"),
        "errors_count": figures.get(f"{at}.errors"),
    }


def _nic(figures: dict[str, Any], at: str, addresses: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {"mac_address": addresses.get(figures.get(f"{at}.name", ""), "")}
    for way in ("rx", "tx"):
        found |= {
            f"{way}_octets": figures.get(f"{at}.{way}.bytes"),
            f"{way}_errors": figures.get(f"{at}.{way}.errs"),
            f"{way}_drop": figures.get(f"{at}.{way}.drop"),
            f"{way}_packets": figures.get(f"{at}.{way}.pkts"),
            f"{way}_rate": None,
        }
    return found


def _addresses(xml: Path) -> dict[str, str]:
    """Tap → MAC, from the XML that we keep."""
    try:
        interfaces = ElementTree.parse(xml).findall("devices/interface")
    except (OSError, ElementTree.ParseError):
        return {}
    found = {}
    for interface in interfaces:
        target, mac = interface.find("target"), interface.find("mac")
        if target is not None and mac is not None:
            found[target.get("dev", "")] = mac.get("address", "")
    return found


def _uptime(started: Path) -> int:
    try:
        return max(0, int(time.time() - started.stat().st_mtime))
    except OSError:
        return 0
