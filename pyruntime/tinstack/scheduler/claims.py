"""Placement, as the scheduler uses it: who has room (step 10), and the claim (step 11). Source: Placement API reference."""

from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec

from tinstack.conductor.rpc import SchedulingRequest
from tinstack.core.client import RemoteError, Session

VERSION = "1.38"
RETRIES = 4
"""Tries on one host when only a generation was stale; a host that is full is left at once."""


class _Candidates(msgspec.Struct):
    provider_summaries: dict[str, msgspec.Raw]


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

    async def claim(self, request: SchedulingRequest, provider: str) -> bool:
        """Whether the claim holds now; False where the host is full. Claiming twice is claiming once.

        A server that was never claimed has no generation; one that is known is replaced by its own.
        """
        generation: int | None = None
        for _ in range(RETRIES):
            body = {
                "allocations": {provider: {"resources": resources_of(request)}},
                "project_id": request.project_id,
                "user_id": request.user_id or request.project_id,
                "consumer_generation": generation,
                "consumer_type": "INSTANCE",
            }
            path = f"/allocations/{request.server_id}"
            try:
                await self._session.request("PUT", "placement", path, json=body, version=VERSION)
                return True
            except RemoteError as error:
                if error.remote_status != 409:
                    raise
                if "generation" not in error.text and "concurrent" not in error.text.lower():
                    return False
            generation = await self._generation(request.server_id)
        return False

    async def release(self, server_id: str) -> None:
        """The claim is gone; it may have been gone before."""
        await self._session.request("DELETE", "placement", f"/allocations/{server_id}", version=VERSION, ok=(404,))

    async def _generation(self, server_id: str) -> int | None:
        answer = await self._session.request("GET", "placement", f"/allocations/{server_id}", version=VERSION)
        generation: int | None = answer.json().get("consumer_generation")
        return generation
