"""Placement, as the scheduler uses it: who has room (step 10), and the claim (step 11). Source: Placement API reference."""

import time
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlencode

import msgspec

from tinstack.conductor.rpc import SchedulingRequest
from tinstack.core.client import RemoteError, Session
from tinstack.core.errors import ApiError
from tinstack.core.rounds import Rounds

VERSION = "1.38"
RETRIES = 4
"""Tries on one host when only a generation was stale; a host that is full is left at once."""


class _Provider(msgspec.Struct):
    uuid: str


class _Providers(msgspec.Struct):
    resource_providers: list[_Provider]


class Held(msgspec.Struct):
    """What a consumer holds, by provider."""

    allocations: dict[str, msgspec.Raw] = {}
    consumer_generation: int | None = None


class Overtaken(ApiError):
    """The operation is another's or over; whatever is to be done for it is not ours."""

    code, message = "scheduler.overtaken", "The scheduling of server {id} is not ours any more."


_held = msgspec.json.Decoder(Held).decode
_providers = msgspec.json.Decoder(_Providers).decode


def resources_of(request: SchedulingRequest) -> dict[str, int]:
    """Resource class → amount; nothing for zero."""
    wanted = {"VCPU": request.vcpus, "MEMORY_MB": request.ram_mib, "DISK_GB": request.disk_gib}
    return {name: amount for name, amount in wanted.items() if amount}


class New(NamedTuple):
    """A claim of a server that has none yet."""

    request: SchedulingRequest
    provider: str


class Claims:
    """The claims of one scheduler. Claims that are made at the same moment are made by one request."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._new = Rounds(self._add, self._add_all, _refused)

    async def providers_with_room(self, wanted: Mapping[str, int]) -> set[str]:
        """The resource providers that could take so much (by resource class) now."""
        resources = ",".join(f"{name}:{amount}" for name, amount in wanted.items())
        answer = await self._session.request(
            "GET", "placement", "/resource_providers?" + urlencode({"resources": resources}), version=VERSION
        )
        return {one.uuid for one in _providers(answer.data).resource_providers}

    async def claim(self, request: SchedulingRequest, provider: str, until: float) -> bool:
        """Whether the claim holds now; False where the host is full. Claiming twice is claiming once.

        A server that was never claimed has no generation; one that is known is replaced by its own, while the lease lasts
        (``until``, by the monotonic clock): later it may be another's. Raises Overtaken.
        """
        why = await self._new.ask(New(request, provider))
        for _ in range(RETRIES - 1):
            if why is None or ("generation" not in why and "concurrent" not in why.lower()):
                break
            held = await self._held(request.server_id, until)
            why = await self._write(request, held, _of(request, provider))
        return why is None

    async def release(self, request: SchedulingRequest, until: float) -> None:
        """The claim is gone; it may have been gone before. Raises Overtaken."""
        for _ in range(RETRIES):
            held = await self._held(request.server_id, until)
            if not held.allocations or await self._write(request, held, {}) is None:
                return

    async def _held(self, server_id: str, until: float) -> Held:
        """What there is, read while the lease lasts: what is written by its generation holds for no claim that is made later."""
        answer = await self._session.request("GET", "placement", f"/allocations/{server_id}", version=VERSION)
        if time.monotonic() > until:
            raise Overtaken(id=server_id)
        return _held(answer.data)

    async def _add(self, new: New) -> str | None:
        return await self._write(new.request, Held(), _of(new.request, new.provider))

    async def _add_all(self, several: list[New]) -> list[str | None]:
        """All or none of them; one after the other where two are of one server. Raises RemoteError."""
        body = {new.request.server_id: _body(new.request, Held(), _of(new.request, new.provider)) for new in several}
        if len(body) < len(several):
            raise RemoteError("placement", 409, "Two claims of one server can't be made together.")
        await self._session.request("POST", "placement", "/allocations", json=body, version=VERSION)
        return [None] * len(several)

    async def _write(self, request: SchedulingRequest, held: Held, wanted: Mapping[str, object]) -> str | None:
        """Swap the claim by its generation; None, or why it is refused. Raises RemoteError."""
        path = f"/allocations/{request.server_id}"
        try:
            await self._session.request("PUT", "placement", path, json=_body(request, held, wanted), version=VERSION)
        except RemoteError as error:
            if error.remote_status != 409:
                raise
            return error.text
        return None


def _of(request: SchedulingRequest, provider: str) -> dict[str, object]:
    return {provider: {"resources": resources_of(request)}}


def _body(request: SchedulingRequest, held: Held, wanted: Mapping[str, object]) -> dict[str, object]:
    return {
        "allocations": wanted,
        "project_id": request.project_id,
        "user_id": request.user_id or request.project_id,
        "consumer_generation": held.consumer_generation,
        "consumer_type": "INSTANCE",
    }


def _refused(error: ApiError) -> bool:
    return isinstance(error, RemoteError) and error.remote_status < 500
