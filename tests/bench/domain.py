"""Real guests on the hosts that ``./lab up`` made: from POST to a running domain, beyond what ``virsh create`` of the same XML takes."""

import statistics
import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from load import BenchError

from tinstack.lab import clouds
from tinstack.lab.client import ApiError, Client
from tinstack.lab.labs import ROOT as REPOSITORY
from tinstack.lab.labs import Lab

BOOTS = 5
BOOT_SECONDS = 60.0
CREATE = """
virsh -q domstate {name} | grep -q 'shut off' || exit 3
began=$(date +%s%N)
virsh -q create /var/lib/tinstack/instances/{id}/domain.xml >/dev/null
ended=$(date +%s%N)
virsh -q destroy {name} >/dev/null
echo $((ended - began))
"""
"""On the server's host, while it is stopped: nanoseconds that libvirt and QEMU take for this XML."""


def beyond_virsh_ms() -> float:
    """The median difference over BOOTS servers, the image cached on both hosts. Raises BenchError."""
    lab = Lab(REPOSITORY / ".lab" / "sandbox", REPOSITORY / "inventories" / "sandbox")
    if not lab.ready.exists():
        raise BenchError("There is no sandbox: `./lab up` makes it.")
    member = Client(clouds.read(lab.clouds, "tinstack"))
    admin = Client(clouds.read(lab.clouds, "tinstack-admin"))
    _both_of(member, admin, lab, 2)
    pairs = _both_of(member, admin, lab, BOOTS)
    for ours, virsh in pairs:
        print(f"  POST to running domain {ours:.0f} ms, virsh create {virsh:.0f} ms", flush=True)
    return statistics.median(ours - virsh for ours, virsh in pairs)


def _both_of(member: Client, admin: Client, lab: Lab, boots: int) -> list[tuple[float, float]]:
    image = member.get("image", "/v2/images", {"visibility": "public"})["images"][0]
    flavor = min(member.get("compute", "/flavors/detail")["flavors"], key=lambda one: one["ram"])
    network = next(one for one in member.get("network", "/v2.0/networks")["networks"] if not one["router:external"])
    wanted = {"imageRef": image["id"], "flavorRef": flavor["id"], "networks": [{"uuid": network["id"]}]}
    found = []
    for number in range(boots):
        body = {"server": {"name": f"bench-{number}", **wanted}}
        id = member.send("POST", "compute", "/servers", body, version="2.37")["server"]["id"]
        try:
            _until(member, id, "ACTIVE")
            ours = _to_domain_ms(member, id)
            member.send("POST", "compute", f"/servers/{id}/action", {"os-stop": None})
            shown = _until(admin, id, "SHUTOFF")
            name, host = shown["OS-EXT-SRV-ATTR:instance_name"], shown["OS-EXT-SRV-ATTR:host"]
            found.append((ours, _virsh_ms(lab.ssh_config, host, name, id)))
        finally:
            member.send("DELETE", "compute", f"/servers/{id}")
            _until_gone(member, id)
    return found


def _until(client: Client, id: str, status: str) -> dict[str, Any]:
    end = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < end:
        server: dict[str, Any] = client.get("compute", f"/servers/{id}")["server"]
        if server["status"] == status:
            return server
        if server["status"] == "ERROR":
            raise BenchError(f"A server ended in ERROR: {server['fault']['message']}")
        time.sleep(0.1)
    raise BenchError(f"A server was not {status} within {BOOT_SECONDS:.0f} s.")


def _until_gone(client: Client, id: str) -> None:
    end = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < end:
        try:
            client.get("compute", f"/servers/{id}")
        except ApiError as error:
            if error.status == 404:
                return
            raise
        time.sleep(0.1)
    raise BenchError(f"A server was not gone within {BOOT_SECONDS:.0f} s.")


def _to_domain_ms(client: Client, id: str) -> float:
    """From step 3 to the end of step 28, as the trace has it; its last lines come a moment later."""
    for _ in range(50):
        events = {one["step"]: one for one in client.get("compute", f"/servers/{id}/tinstack-trace")["trace"]}
        if 29 in events:
            start, end = (datetime.fromisoformat(events[step]["start"]) for step in (3, 28))
            return (end - start).total_seconds() * 1000 + float(events[28]["duration_ms"])
        time.sleep(0.1)
    raise BenchError(f"The trace of server {id} has no step 29.")


def _virsh_ms(ssh_config: Path, host: str, name: str, id: str) -> float:
    command = ["ssh", "-F", str(ssh_config), host, "sudo", "sh", "-s"]
    ran = subprocess.run(command, input=CREATE.format(name=name, id=id), text=True, capture_output=True, check=False)
    if ran.returncode or not ran.stdout.strip():
        raise BenchError(f"virsh create on {host} failed: {ran.stderr.strip()}")
    return int(ran.stdout) / 1e6
