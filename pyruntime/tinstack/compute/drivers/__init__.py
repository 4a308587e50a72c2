"""Hypervisors behind one small interface."""

from tinstack.compute.config import Config
from tinstack.compute.drivers.interface import Driver
from tinstack.compute.steps import Rehearse
from tinstack.conductor.rpc import ServerDetails
from tinstack.core.config import ConfigError


def create(config: Config) -> tuple[Driver, Rehearse]:
    """The driver that the configuration names, and its rehearsals (faults and delays, of the fake driver only)."""
    if config.driver == "fake":
        from tinstack.compute.drivers.fake import FakeDriver, rehearse

        return FakeDriver(config), rehearse
    if config.driver == "libvirt":
        from tinstack.compute.drivers.libvirt import create as create_libvirt

        return create_libvirt(config), no_rehearsal
    raise ConfigError(f"There is no driver '{config.driver}'; there are: libvirt, fake.")


async def no_rehearsal(step: str, server: ServerDetails) -> None:
    """Real guests rehearse nothing."""
