"""Stores by name: the default one, and further ones. An image may have its data in several."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from tinstack.core.errors import NotFound
from tinstack.image.config import DEFAULT_STORE, Config, StoreConfig
from tinstack.image.errors import Invalid
from tinstack.image.files import FileStore
from tinstack.image.rows import Image


class NoSuchStore(NotFound):
    code, message = "image.store.not_found", "There is no store named {name}."


class Stores:
    """Heavier stores are read first and stand first."""

    def __init__(self, config: Config) -> None:
        first = StoreConfig(
            name=DEFAULT_STORE,
            directory=config.store_dir,
            description="Files on the controller",
            weight=config.store_weight,
        )
        self.configs = {one.name: one for one in (first, *config.more_stores)}
        self.files = {name: FileStore(Path(one.directory), config.image_size_cap) for name, one in self.configs.items()}

    @property
    def default(self) -> FileStore:
        """Where data go that name no store, and where they wait for their import."""
        return self.files[DEFAULT_STORE]

    @property
    def names(self) -> list[str]:
        """All of them."""
        return self.ordered(self.configs)

    async def start(self) -> None:
        """Make the directories."""
        for store in self.files.values():
            await store.start()

    async def stop(self) -> None:
        """End the threads."""
        for store in self.files.values():
            await store.stop()

    def ordered(self, names: Iterable[str]) -> list[str]:
        """By weight, the heaviest first; those that are not configured any more go."""
        place = {name: number for number, name in enumerate(self.configs)}
        there = [name for name in names if name in self.configs]
        return sorted(there, key=lambda name: (-self.configs[name].weight, place[name]))

    def chosen(self, names: Iterable[str]) -> list[str]:
        """The stores that a request names; the default one where it names none. Raises Invalid."""
        wanted = list(dict.fromkeys(names)) or [DEFAULT_STORE]
        if unknown := [name for name in wanted if name not in self.configs]:
            raise Invalid(f"There is no store named {', '.join(unknown)}.")
        return wanted

    def holding(self, image: Image) -> FileStore:
        """The store from which an image's data are read. Raises FileNotFoundError where none of its stores has them."""
        for name in self.ordered(image.stores):
            if self.files[name].path(image.id).exists():
                return self.files[name]
        raise FileNotFoundError(image.id)

    async def remove(self, id: str, names: Iterable[str] | None = None) -> None:
        """An image's data gone, from all stores or from these."""
        for name in self.names if names is None else self.ordered(names):
            await asyncio.to_thread(self.files[name].remove, id)

    def leftovers(self) -> list[Path]:
        """Files of uploads that did not end."""
        return [path for store in self.files.values() for path in store.leftovers()]
