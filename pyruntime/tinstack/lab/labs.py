"""Where a lab's state is, and which lab a verb means.

A lab's state lives in `.lab/<inventory name>/` of the repository, or where `--state` says; `.lab/current` names the one made last.
"""

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from tinstack.lab.words import LabError

ROOT = Path(__file__).resolve().parents[3]
"""The repository."""

SANDBOX = "sandbox"
"""The inventory of the hosts that `up` makes on this machine."""


ADDED = "added.yml"
"""The file of an inventory that `add-compute HOST=ADDRESS` writes, so that files of people stay as they are."""

DEV_SECRETS = "secrets.json"
"""What the state of a `dev` cloud has, and that of no other lab."""


@dataclass(frozen=True, slots=True)
class Lab:
    """One lab: its state on this machine, and its inventory unless it is a `dev` one."""

    state: Path
    inventory: Path | None = None

    @property
    def name(self) -> str:
        return self.state.name

    @property
    def is_sandbox(self) -> bool:
        """Whether its hosts are on this machine, made and removed by ./lab."""
        return self.inventory == ROOT / "inventories" / SANDBOX

    @property
    def is_dev(self) -> bool:
        """Whether it is a `dev` cloud, which has no hosts."""
        return (self.state / DEV_SECRETS).exists()

    @property
    def made_with(self) -> Path:
        """Names the inventory that the lab was made with, which `--state` alone does not."""
        return self.state / "inventory"

    @property
    def clouds(self) -> Path:
        return self.state / "clouds.yaml"

    @property
    def ready(self) -> Path:
        return self.state / "ready.json"

    @property
    def ssh_config(self) -> Path:
        return self.state / "ssh_config"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def runner(self) -> Path:
        return self.state / "runner"


def states() -> Path:
    """The folder of all labs' states."""
    return ROOT / ".lab"


def to_make(inventory: str, state: Path | None) -> Lab:
    """The lab of an inventory given by name or path. Wrong usage where there is no such inventory.

    Raises LabError where the state is that of a `dev` cloud.
    """
    path = place_of(inventory)
    if path is None:
        raise unknown(inventory)
    lab = Lab((state or states() / path.stem).resolve(), path)
    if lab.is_dev:
        raise LabError(f"{lab.state} is the state of a `dev` cloud, which has no hosts: name another by --state.")
    return lab


def to_destroy(inventory: str, state: Path | None) -> Lab:
    """The same. Raises LabError where a state is named that is none, or that of a lab on other hosts."""
    lab = to_make(inventory, state)
    if state is None:
        return lab
    if not lab.made_with.exists() and not (lab.state / "secrets.yml").exists():
        raise LabError(f"There is no lab in {lab.state}, so nothing was taken away.")
    made_with = lab.made_with.read_text().strip() if lab.made_with.exists() else str(lab.inventory)
    if made_with != str(lab.inventory):
        raise LabError(f"The lab in {lab.state} was made with {made_with}, not with {lab.inventory}: name it by -i.")
    return lab


def place_of(inventory: str) -> Path | None:
    """Where the inventory of that name or path is."""
    places = (ROOT / "inventories" / inventory, Path(inventory))
    return next((place.resolve() for place in places if place.exists()), None)


def unknown(inventory: str) -> click.UsageError:
    known = sorted(entry.name for entry in (ROOT / "inventories").glob("*") if not entry.name.startswith("."))
    return click.UsageError(f"There is no inventory '{inventory}'. Known are: {', '.join(known) or 'none'}.")


def to_look_at(inventory: str | None, state: Path | None) -> Lab:
    """The lab that was asked for, or else the one made last. An error where none was made.

    An inventory that is gone still names the state of its lab, as `dev` names its own.
    """
    path = None if inventory is None else place_of(inventory)
    if inventory is not None:
        named = states() / Path(inventory).stem
        if path is None and (state is not None or not named.is_dir()):
            raise unknown(inventory)
        state = state or named
    if state is None:
        pointer = states() / "current"
        if not pointer.exists():
            raise LabError("There is no lab yet: make one with `./lab up` or `./lab dev`.")
        state = Path(pointer.read_text().strip())
    if not state.is_dir():
        raise LabError(f"There is no lab in {state}: make one with `./lab up` or `./lab dev`.")
    return Lab(state.resolve(), path)


def with_inventory(lab: Lab) -> Lab:
    """The lab with the inventory that it was made with, or that of its name. An error where there is none."""
    if lab.is_dev:
        raise LabError(
            f"The lab '{lab.name}' is a `dev` cloud, which has no hosts: only what its APIs tell can be asked."
        )
    if lab.inventory is not None:
        return lab
    made_with = Path(lab.made_with.read_text().strip()) if lab.made_with.exists() else None
    path = made_with if made_with and made_with.exists() else ROOT / "inventories" / lab.name
    if not path.exists():
        raise LabError(f"There is no inventory of the lab '{lab.name}' in {path.parent}: name it by -i.")
    return Lab(lab.state, path)


def choose(lab: Lab) -> None:
    """Make a lab the one that verbs mean when they name none, and note what it is made with."""
    if lab.inventory is not None:
        replace(lab.made_with, f"{lab.inventory}\n", mode=0o644)
    try:
        states().mkdir(mode=0o700, exist_ok=True)
        replace(states() / "current", f"{lab.state}\n", mode=0o644)
    except OSError as error:
        note = (
            f"lab: {states()} can't be written ({error.strerror}): name this lab by --state {lab.state} to other verbs."
        )
        print(note, file=sys.stderr)


def forget(lab: Lab) -> None:
    """Remove a lab's state, and the pointer where it points there."""
    shutil.rmtree(lab.state, ignore_errors=True)
    pointer = states() / "current"
    if pointer.exists() and Path(pointer.read_text().strip()) == lab.state:
        pointer.unlink()


def replace(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file whole or not at all: beside, flushed, then renamed."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.rename(path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def alone(lab: Lab) -> Iterator[None]:
    """Hold a lab for oneself while hosts are changed. An error where another process holds it; the lock ends with its holder."""
    states().mkdir(mode=0o700, exist_ok=True)
    with held(states() / f"{lab.name}.lock", lab):
        yield


@contextmanager
def held(path: Path, lab: Lab) -> Iterator[None]:
    """Hold the lock of that file. An error where another process holds it."""
    try:
        lock = open(path, "a+")  # noqa: SIM115  closed below
    except OSError as error:
        raise LabError(f"{path} can't be written: {error.strerror}.") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise LabError(
                f"Another ./lab (process {holder}) is working on the lab '{lab.name}': wait for it or end it."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
