"""What is seen of guests, for the host's report: by libvirt, and by their folders where libvirt knows no more than that they are off."""

from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

from tinstack.compute.drivers.interface import CRASHED, SHUTDOWN
from tinstack.compute.drivers.libvirt.disks import Folder
from tinstack.conductor.rpc import DIED, HOST_WENT_DOWN, LOST, ObservedServer


def observed(instances: Path, states: Mapping[str, int], boot: str) -> list[ObservedServer]:
    """``states``: power state of every domain; ``boot``: this boot of the host, after which a guest's start is compared.

    A guest whose domain is gone while its folder is there is off: it can be started again by the XML that was kept.
    """
    found = [
        ObservedServer(id=id, power_state=state, cause=_cause(Folder(instances, id), state, boot))
        for id, state in states.items()
    ]
    found += [
        ObservedServer(id=id, power_state=SHUTDOWN, cause=LOST) for id in _with_kept_xml(instances) if id not in states
    ]
    return found


def _cause(folder: Folder, state: int, boot: str) -> str:
    if state == CRASHED:
        return DIED
    return HOST_WENT_DOWN if state == SHUTDOWN and folder.started_in() not in (None, boot) else ""


def _with_kept_xml(instances: Path) -> list[str]:
    return [path.parent.name for path in instances.glob("*/domain.xml") if _is_id(path.parent.name)]


def _is_id(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False
