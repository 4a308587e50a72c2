"""Ansible filters: addresses and certificates of hosts, and the two documents that carry hashed passwords."""

import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[2] / "pyruntime"))

from tinstack.core.bus import topology
from tinstack.core.metrics.families import METRICS_PORTS
from tinstack.lab import fitness


def management_address(variables: Mapping[str, Any]) -> str:
    """Where other hosts reach the host with these variables: ``tinstack_address``, else what Ansible connects to."""
    for name in ("tinstack_address", "ansible_host"):
        if name in variables:
            return str(variables[name])
    return str(variables["inventory_hostname"])


def certificate_of_host(variables: Mapping[str, Any]) -> dict[str, Any]:
    """What the certificate of the host with these variables says: its name, and all that it is reached by."""
    reached_by = [variables.get(name) for name in ("inventory_hostname", "tinstack_address", "ansible_host")]
    alternatives = [str(one) for one in reached_by if one] + ["localhost", "127.0.0.1"]
    alternatives += [str(one) for one in variables.get("certificates_extra_names", [])]
    host: dict[str, Any] = {"name": str(variables["inventory_hostname"]), "alternatives": sorted(set(alternatives))}
    for ours, theirs in (("certificate_file", "certificates_cert_file"), ("key_file", "certificates_key_file")):
        if variables.get(theirs):
            host[ours] = str(variables[theirs])
    return host


def native_password(password: str) -> str:
    """The hash that MariaDB's plugin mysql_native_password keeps of a password."""
    return "*" + hashlib.sha1(hashlib.sha1(password.encode()).digest()).hexdigest().upper()


def bus_definitions(passwords: Mapping[str, str], hosts: list[str]) -> str:
    """RabbitMQ's definitions document: ``passwords`` by bus user, ``hosts`` those that run an agent."""
    plain = {str(user): str(password) for user, password in passwords.items()}
    return json.dumps(topology.definitions(plain, [str(host) for host in hosts]), indent=1, sort_keys=True) + "\n"


def metrics_port(service: str) -> int:
    """The port that Prometheus scrapes a service at; 0 where it has none."""
    return METRICS_PORTS.get(str(service), 0)


def prechecks_problems(groups: Mapping[str, list[str]], variables: Mapping[str, Any]) -> list[str]:
    """What keeps hosts from being deployed to; ``variables`` by host, those of hosts that were looked at with what was seen."""
    looks, inventory = {}, {}
    for host in groups["all"]:
        own = variables[host]
        if "prechecks_look" in own:
            looks[host], inventory[host] = own["prechecks_look"], own["prechecks_wanted"]
        else:
            port = own.get("ansible_port", 22)
            place = own.get("ansible_host", host)
            inventory[host] = {"address": management_address(own), "connection": f"{place}:{port}"}
    return fitness.problems(inventory, looks, [name for name, hosts in groups.items() if hosts])


class FilterModule:
    """What Ansible asks for."""

    def filters(self) -> dict[str, Any]:
        """The filters by name."""
        return {
            "management_address": management_address,
            "certificate_of_host": certificate_of_host,
            "native_password": native_password,
            "bus_definitions": bus_definitions,
            "metrics_port": metrics_port,
            "prechecks_problems": prechecks_problems,
        }
