"""Members: projects with which a shared image is shared. Source: Image API v2 reference, Sharing."""

from tinstack.core.clock import now_us
from tinstack.core.db import Duplicate, Transaction, values
from tinstack.core.errors import Conflict, Forbidden, NotFound
from tinstack.core.http import Request
from tinstack.image import store, views
from tinstack.image import tables as t
from tinstack.image.parts import Parts, target
from tinstack.image.rows import SHARED, Image, Member

MOST = 128


class NoSuchMember(NotFound):
    code, message = "image.member.not_found", "{member} not found in the member list of the image {image}."


def _owns(request: Request, image: Image) -> bool:
    return request.context.is_admin or request.context.is_service or image.owner == request.project_id


async def index(request: Request, parts: Parts) -> views.Body:
    """The owner sees all members, a member itself."""
    image = await parts.image(request)
    request.authorize("get_members", target(image, request.project_id))
    rows = await parts.database.all(store.MEMBERS_OF, Member, key=image.id)
    shown = [row for row in rows if _owns(request, image) or row.member_id == request.project_id]
    if image.visibility != SHARED and not _owns(request, image):
        raise NotFound("Only shared images have members.")
    return {"members": [views.member(row) for row in shown], "schema": "/v2/schemas/members"}


async def create(request: Request, parts: Parts) -> views.Body:
    """Share; the member has to accept."""
    image = await parts.image(request)
    request.authorize("add_member", target(image))
    if image.visibility != SHARED:
        raise Forbidden("Only shared images have members.")
    now = now_us()
    member = Member(image_id=image.id, member_id=request.body["member"], created_at=now, updated_at=now)

    async def work(tx: Transaction) -> None:
        if len(await tx.all(store.MEMBERS_OF, Member, key=image.id)) >= MOST:
            raise Forbidden(f"An image can have {MOST} members at the most.")
        await tx.run(store.ADD_MEMBER, **values(member))

    try:
        await parts.database.transact(work)
    except Duplicate as error:
        raise Conflict(f"Member {member.member_id} is duplicated for image {image.id}") from error
    return views.member(member)


async def show(request: Request, parts: Parts) -> views.Body:
    """One membership: for the owner and the member."""
    image = await parts.image(request)
    return views.member(await _member(request, parts, image))


async def update(request: Request, parts: Parts) -> views.Body:
    """Accept or reject: the member's word, not the owner's."""
    image = await parts.image(request)
    member = await _member(request, parts, image)
    request.authorize("modify_member", target(image, member.member_id))
    status, now = request.body["status"], now_us()

    async def work(tx: Transaction) -> int:
        where = (t.members.c.image_id == image.id, t.members.c.member_id == member.member_id)
        return await tx.run(t.members.update().where(*where).values(status=status, updated_at=now))

    if not await parts.database.transact(work):
        raise NoSuchMember(member=member.member_id, image=image.id)
    member.status, member.updated_at = status, now
    return views.member(member)


async def delete(request: Request, parts: Parts) -> None:
    """Share no more."""
    image = await parts.image(request)
    request.authorize("delete_member", target(image))
    if image.visibility != SHARED:
        raise Forbidden("Only shared images have members.")
    name = request.path["member_id"]

    async def work(tx: Transaction) -> int:
        return await tx.run(t.members.delete().where(t.members.c.image_id == image.id, t.members.c.member_id == name))

    if not await parts.database.transact(work):
        raise NoSuchMember(member=name, image=image.id)


async def _member(request: Request, parts: Parts, image: Image) -> Member:
    name = request.path["member_id"]
    if not _owns(request, image) and name != request.project_id:
        raise NoSuchMember(member=name, image=image.id)
    request.authorize("get_member", target(image, request.project_id))
    member = await store.member(parts.database, image.id, name)
    if member is None:
        raise NoSuchMember(member=name, image=image.id)
    return member
