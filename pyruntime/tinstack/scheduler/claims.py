"""Placement, as the scheduler uses it: who has room (step 10), and the claim (step 11). Source: Placement API reference."""

import time
from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec

from tinstack.conductor.rpc import SchedulingRequest
from tinstack.core.client import RemoteError, Session
from tinstack.core.errors import ApiError

VERSION = "1.38"
RETRIES = 4
"""Tries on one host when only a generation was stale; a host that is full is left at once."""


class _Candidates(msgspec.Struct):
    provider_summaries: dict[str, msgspec.Raw]


class Held(msgspec.Struct):
    """What a consumer holds, by provider."""

    allocations: dict[str, msgspec.Raw] = {}
    consumer_generation: int | None = None


class Overtaken(ApiError):
    """The operation is another's or over; whatever is to be done for it is not ours."""

    code, message = "scheduler.overtaken", "The scheduling of server {id} is not ours any more."


_held = msgspec.json.Decoder(Held).decode
_candidates = msgspec.json.Decoder(_Candidates).decode


def resources_of(request: SchedulingRequest) -> dict[str, int]:
    """Resource class → amount; nothing for zero."""
    wanted = {"VCPU": request.vcpus, "MEMORY_MB": request.ram_mib, "DISK_GB": request.disk_gib}
    return {name: amount for name, amount in wanted.items() if amount}


class Claims:
    """The claims of one scheduler."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def providers_with_room(self, wanted: Mapping[str, int]) -> set[str]:
        """The resource providers that could take so much (by resource class) now."""
        resources = ",".join(f"{name}:{amount}" for name, amount in wanted.items())
        answer = await self._session.request(
            "GET", "placement", "/allocation_candidates?" + urlencode({"resources": resources}), version=VERSION
        )
        return set(_candidates(answer.data).provider_summaries)

    async def claim(self, request: SchedulingRequest, provider: str, until: float) -> bool:
        """Whether the claim holds now; False where the host is full. Claiming twice is claiming once.

        A server that was never claimed has no generation; one that is known is replaced by its own, while the lease lasts
        (``until``, by the monotonic clock): later it may be another's. Raises Overtaken.
        """
        held = Held()
        for _ in range(RETRIES):
            wanted = {provider: {"resources": resources_of(request)}}
            why = await self._write(request.server_id, held, wanted, request)
            if why is None:
                return True
            if "generation" not in why and "concurrent" not in why.lower():
                return False
            held = await self._held(request.server_id, until)
        return False

    async def release(self, request: SchedulingRequest, until: float) -> None:
        """The claim is gone; it may have been gone before. Raises Overtaken."""
        for _ in range(RETRIES):
            held = await self._held(request.server_id, until)
            if not held.allocations or await self._write(request.server_id, held, {}, request) is None:
                return

    async def _held(self, server_id: str, until: float) -> Held:
        """What there is, read while the lease lasts: what is written by its generation holds for no claim that is made later."""
        answer = await self._session.request("GET", "placement", f"/allocations/{server_id}", version=VERSION)
        if time.monotonic() > until:
            raise Overtaken(id=server_id)
        return _held(answer.data)

    async def _write(
        self, server_id: str, held: Held, wanted: Mapping[str, object], request: SchedulingRequest
    ) -> str | None:
        """Swap the claim by its generation; None, or why it is refused. Raises RemoteError."""
        body = {
            "allocations": wanted,
            "project_id": request.project_id,
            "user_id": request.user_id or request.project_id,
            "consumer_generation": held.consumer_generation,
            "consumer_type": "INSTANCE",
        }
        try:
            await self._session.request("PUT", "placement", f"/allocations/{server_id}", json=body, version=VERSION)
        except RemoteError as error:
            if error.remote_status != 409:
                raise
            return error.text
        return None
