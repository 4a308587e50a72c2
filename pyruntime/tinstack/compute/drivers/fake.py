"""A hypervisor that holds its guests in memory: for development, API tests and schedulers at scale.

Server metadata make it misbehave: ``tinstack:fault=STEP[:TIMES]`` lets that step of the flow (or operation: ``stop``, ``delete`` …)
fail, always or so many times; ``tinstack:delay=STEP:MILLISECONDS`` makes it slow. Nothing else looks at these keys.
"""

import asyncio
from collections import Counter

from tinstack.compute.config import Config
from tinstack.compute.drivers.interface import (
    PAUSED,
    RUNNING,
    SHUTDOWN,
    SUSPENDED,
    DriverError,
    Guest,
    HostFacts,
    PowerChanged,
)
from tinstack.conductor.rpc import ObservedServer, ServerDetails
from tinstack.core.clock import iso, now_us

FAULT, DELAY = "tinstack:fault", "tinstack:delay"

_failed: Counter[tuple[str, str]] = Counter()
"""How often a server failed at a step so far, over all simulated hosts of this process."""


class Simulated(DriverError):
    """The fault that the server's metadata asked for."""

    code, message = "compute.simulated", "The simulated fault at {step} that the server's metadata asks for."


async def rehearse(step: str, server: ServerDetails) -> None:
    """Wait or fail as the server's metadata say. Raises Simulated."""
    where, _, milliseconds = server.metadata.get(DELAY, "").partition(":")
    if where == step and milliseconds.isdecimal():
        await asyncio.sleep(int(milliseconds) / 1000)
    where, _, times = server.metadata.get(FAULT, "").partition(":")
    if where == step and (not times.isdecimal() or _failed[server.id, step] < int(times)):
        _failed[server.id, step] += 1
        raise Simulated(step=step)


class FakeDriver:
    """One simulated host."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._guests: dict[str, Guest] = {}
        self._states: dict[str, int] = {}
        self._console: dict[str, list[str]] = {}
        self._changed: PowerChanged | None = None

    async def open(self, changed: PowerChanged) -> None:
        self._changed = changed

    async def close(self) -> None:
        self._changed = None

    async def facts(self) -> HostFacts:
        return HostFacts(
            hypervisor_type="fake",
            hypervisor_version=1000000,
            vcpus=self._config.simulated_vcpus,
            ram_mib=self._config.simulated_ram_mib + self._config.reserved_ram_mib,
            disk_gib=self._config.simulated_disk_gib,
            free_disk_gib=self._config.simulated_disk_gib - sum(guest.flavor.root_gib for guest in self._guests.values()),
            cpu_info={"arch": "x86_64", "model": "simulated", "vendor": "tinstack", "features": [], "topology": {}},
        )

    async def servers(self) -> list[ObservedServer]:
        return [ObservedServer(id=id, power_state=state) for id, state in self._states.items()]

    async def spawn(self, guest: Guest) -> None:
        self._guests[guest.id] = guest
        if self._states.get(guest.id) != RUNNING:
            self._set(guest.id, RUNNING, f"{guest.instance_name} ({guest.name}) booted")

    async def remove(self, id: str) -> None:
        for kept in (self._guests, self._states, self._console):
            kept.pop(id, None)

    async def power_state(self, id: str) -> int | None:
        return self._states.get(id)

    async def start(self, id: str) -> None:
        self._set(id, RUNNING, "started")

    async def stop(self, id: str, seconds: float) -> None:
        self._set(id, SHUTDOWN, "stopped")

    async def reboot(self, id: str, *, hard: bool, seconds: float) -> None:
        self._set(id, RUNNING, "rebooted hard" if hard else "rebooted")

    async def pause(self, id: str) -> None:
        self._set(id, PAUSED, "paused")

    async def unpause(self, id: str) -> None:
        self._set(id, RUNNING, "unpaused")

    async def suspend(self, id: str) -> None:
        self._set(id, SUSPENDED, "suspended")

    async def resume(self, id: str) -> None:
        self._set(id, RUNNING, "resumed")

    async def console_output(self, id: str, length: int | None) -> str:
        lines = self._console.get(id, [])
        shown = lines if length is None else lines[max(0, len(lines) - length) :]
        return "".join(f"{line}\n" for line in shown)

    async def diagnostics(self, id: str) -> dict[str, object]:
        guest = self._guests[id]
        return {
            "state": "running" if self._states[id] == RUNNING else "shutdown",
            "driver": "libvirt",
            "hypervisor": "fake",
            "hypervisor_os": "linux",
            "uptime": 0,
            "config_drive": guest.config_drive is not None,
            "num_cpus": guest.flavor.vcpus,
            "num_nics": len(guest.nics),
            "num_disks": 1 + len(guest.disks),
            "cpu_details": [{"id": number, "time": 0, "utilisation": 0} for number in range(guest.flavor.vcpus)],
            "disk_details": [{"read_bytes": 0, "read_requests": 0, "write_bytes": 0, "write_requests": 0, "errors_count": 0}],
            "nic_details": [
                {
                    "mac_address": nic.mac,
                    "rx_octets": 0,
                    "rx_errors": 0,
                    "rx_drop": 0,
                    "rx_packets": 0,
                    "rx_rate": 0,
                    "tx_octets": 0,
                    "tx_errors": 0,
                    "tx_drop": 0,
                    "tx_packets": 0,
                    "tx_rate": 0,
                }
                for nic in guest.nics
            ],
            "memory_details": {"maximum": guest.flavor.ram_mib, "used": guest.flavor.ram_mib},
        }

    async def halt(self, id: str) -> None:
        """The guest powers itself off: what a test does in place of the person at its console."""
        self._set(id, SHUTDOWN, "halted")
        if self._changed:
            await self._changed(id, SHUTDOWN)

    def _set(self, id: str, state: int, line: str) -> None:
        if id not in self._guests:
            raise DriverError(f"There is no guest {id} on {self._config.host}.")
        self._states[id] = state
        self._console.setdefault(id, []).append(f"{iso(now_us())} {line}")
