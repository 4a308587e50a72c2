"""The metadata service's answers. Source: Nova's "Metadata" user guide; EC2's instance metadata 2009-04-04."""

import os

from tinstack.api.metadata.guests import guest_of
from tinstack.api.metadata.signature import Signers
from tinstack.api.parts import Compute
from tinstack.computedb import instances
from tinstack.core import guestdata
from tinstack.core.context import Context
from tinstack.core.errors import ApiError, NotFound, Unauthorized
from tinstack.core.guestdata import EC2_VERSIONS, LATEST, OPENSTACK_VERSIONS, Guest
from tinstack.core.http import Request, Response, Route
from tinstack.core.http.app import Rendered

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
SINCE = {"network_data.json": "2015-10-15", "vendor_data.json": "2013-10-17", "vendor_data2.json": "2016-10-06"}
"""OpenStack documents that came after the first version."""


class Metadata:
    """What the handlers work with."""

    def __init__(self, compute: Compute) -> None:
        self.compute = compute
        self.signers = Signers(compute)

    async def guest(self, request: Request) -> Guest:
        """The guest that the signed request is for. Raises NotFound, 404, for one that is gone or of another project."""
        signed = self.signers.check(request)
        row = await instances.get(self.compute.db, signed.instance_id)
        if row is None or row.project_id != signed.project_id:
            raise NotFound("There is no such instance.")
        await self.signers.admit(signed, row.host)
        return guest_of(row, self.compute.config)


def _text(text: str) -> Response:
    return Response(200, text.encode(), content_type=TEXT)


async def root(request: Request, service: Metadata) -> Response:
    """``/``: EC2's versions."""
    await service.guest(request)
    return _text("\n".join((*EC2_VERSIONS, LATEST)))


async def show(request: Request, service: Metadata) -> Response:
    """Everything below ``/``."""
    guest = await service.guest(request)
    parts = [part for part in request.path["path"].split("/") if part]
    if not parts:
        return _text("\n".join((*EC2_VERSIONS, LATEST)))
    if parts[0] == "openstack":
        return _openstack(guest, parts[1:])
    if parts[0] in (*EC2_VERSIONS, LATEST):
        return _ec2(guest, parts[1:])
    raise NotFound


def _ec2(guest: Guest, parts: list[str]) -> Response:
    if not parts:
        return _text("meta-data/\nuser-data" if guest.user_data else "meta-data/")
    if parts == ["user-data"]:
        data = guestdata.user_data(guest)
        if data is None:
            raise NotFound
        return Response(200, data, content_type="application/octet-stream")
    if parts[0] != "meta-data":
        raise NotFound
    found = guestdata.found_in(guestdata.ec2_meta_data(guest), parts[1:])
    if found is None:
        raise NotFound
    return _text(found)


def _openstack(guest: Guest, parts: list[str]) -> Response:
    if not parts:
        return _text("\n".join((*OPENSTACK_VERSIONS, LATEST)))
    version = parts[0]
    if version not in (*OPENSTACK_VERSIONS, LATEST):
        raise NotFound
    names = [
        name
        for name in ("meta_data.json", "user_data", "password", *SINCE)
        if (name != "user_data" or guest.user_data) and (version == LATEST or version >= SINCE.get(name, ""))
    ]
    if len(parts) == 1:
        return _text("\n".join(names))
    name = "/".join(parts[1:])
    if name not in names:
        raise NotFound
    if name == "password":
        return _text("")
    files = guestdata.openstack_files(guest, os.urandom(512))
    kind = JSON if name.endswith(".json") else "application/octet-stream"
    return Response(200, files[name], content_type=kind)


def render(error: ApiError, request: Request | None) -> Rendered:
    """Errors as plain text."""
    return Rendered(TEXT, f"{error.status} {error.title}\n{error.text}\n".encode())


ROUTES = [
    Route("GET", "", root, public=True),
    Route("GET", "/{path:path}", show, public=True),
]


class NoTokens:
    """The authenticator of an application where no token counts."""

    async def authenticate(self, token: str) -> Context:
        """Nobody."""
        raise Unauthorized
