"""The rules of projects and domains (a domain is a project that is nobody's child)."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import msgspec

from tinstack.core.db import Duplicate
from tinstack.identity import groups, rows, users
from tinstack.identity.errors import ActionForbidden, Invalid, Missing, NameTaken
from tinstack.identity.identity import Identity
from tinstack.identity.snapshot import Snapshot
from tinstack.identity.store import Writer

KNOWN = {
    "id",
    "name",
    "domain_id",
    "parent_id",
    "is_domain",
    "enabled",
    "description",
    "tags",
    "links",
    "explicit_domain_id",
}
DEEPEST = 5
MOST_TAGS = 80


async def create(identity: Identity, domain_id: str, given: dict[str, Any]) -> rows.Project:
    """A new project below its parent (without one: its domain). Raises Missing, Invalid, NameTaken, ActionForbidden."""
    snapshot = await identity.now()
    parent_id = given.get("parent_id") or domain_id
    parent = snapshot.projects.get(parent_id)
    if parent is None:
        raise Missing(kind="project", id=parent_id)
    if (parent.domain_id or parent.id) != domain_id:
        raise Invalid("The parent is not in the project's domain.")
    if not parent.enabled:
        raise ActionForbidden(why="the parent is disabled")
    if sum(1 for _ in snapshot.ancestors(parent)) + 1 > DEEPEST:
        raise ActionForbidden(why=f"projects nest {DEEPEST} deep at the most")
    project = rows.Project(
        id=uuid4().hex,
        name=given["name"],
        domain_id=domain_id,
        parent_id=parent_id,
        enabled=given.get("enabled", True),
        description=given.get("description") or "",
        tags=list(given.get("tags") or []),
        extra=_extra(given),
    )

    async def work(writer: Writer) -> None:
        if not await writer.there(rows.Project, id=parent_id):
            raise Missing(kind="project", id=parent_id)
        await writer.insert(project)

    return await _named(identity, project, work)


async def create_domain(identity: Identity, given: dict[str, Any]) -> rows.Project:
    """A new domain. Raises NameTaken."""
    domain = rows.Project(
        id=given.get("explicit_domain_id") or uuid4().hex,
        name=given["name"],
        domain_id=rows.ROOT,
        is_domain=True,
        enabled=given.get("enabled", True),
        description=given.get("description") or "",
        tags=list(given.get("tags") or []),
        extra=_extra(given),
    )

    async def work(writer: Writer) -> None:
        await writer.insert(domain)

    return await _named(identity, domain, work)


async def _named(identity: Identity, project: rows.Project, work: Callable[[Writer], Awaitable[None]]) -> rows.Project:
    async def whole(writer: Writer) -> None:
        await work(writer)

    try:
        await identity.store.write(whole)
    except Duplicate as error:
        raise NameTaken(kind="domain" if project.is_domain else "project", name=project.name) from error
    return project


async def update(identity: Identity, project: rows.Project, given: dict[str, Any]) -> rows.Project:
    """Change a project or a domain; ``enabled: false`` voids the tokens on it."""
    snapshot = await identity.now()
    if given.get("parent_id", project.parent_id) not in (project.parent_id, project.parent_id or None):
        raise ActionForbidden(why="a project can't be moved to another parent")
    if given.get("is_domain", project.is_domain) != project.is_domain:
        raise Invalid("A project can't be made a domain, nor a domain a project.")
    if given.get("domain_id", project.domain_id) not in (project.domain_id, project.domain_id or None):
        raise Invalid("A project can't be moved to another domain.")
    changed = msgspec.structs.replace(
        project,
        name=given.get("name", project.name),
        enabled=given.get("enabled", project.enabled),
        description=given.get("description", project.description) or "",
        tags=list(given.get("tags", project.tags) or []),
        extra={**project.extra, **_extra(given)},
    )
    _allow_switch(snapshot, project, changed)

    async def work(writer: Writer) -> None:
        if not await writer.replace(changed):
            raise Missing(kind="project", id=project.id)
        if not changed.enabled:
            await identity.revoker.keep(writer, "domain" if project.is_domain else "project", [project.id])

    await _named(identity, changed, work)
    await _tell(identity, changed)
    return changed


def _allow_switch(snapshot: Snapshot, before: rows.Project, after: rows.Project) -> None:
    if before.is_domain or before.enabled == after.enabled:
        return
    if after.enabled:
        if any(not above.enabled for above in snapshot.ancestors(before)):
            raise ActionForbidden(why="a project above is disabled")
    elif any(snapshot.projects[one].enabled for one in snapshot.below(before.id)):
        raise ActionForbidden(why="projects below are enabled; disable them first")


async def delete(identity: Identity, project: rows.Project) -> None:
    """A project without children, or a disabled domain with all that is in it."""
    if project.is_domain:
        await _delete_domain(identity, project)
        return

    async def work(writer: Writer) -> None:
        if await writer.there(rows.Project, parent_id=project.id):
            raise ActionForbidden(why="the project has projects below it; delete them first")
        await remove(writer, [project.id])

    await identity.store.write(work)
    await _tell(identity, project)


async def _delete_domain(identity: Identity, domain: rows.Project) -> None:
    if domain.id == rows.DEFAULT_DOMAIN:
        raise ActionForbidden(why="the default domain can't be deleted")
    if domain.enabled:
        raise ActionForbidden(why="a domain is deleted only after it is disabled")
    snapshot = await identity.now()

    async def work(writer: Writer) -> None:
        await users.remove(writer, [user.id for user in snapshot.users.values() if user.domain_id == domain.id])
        await groups.remove(writer, [group.id for group in snapshot.groups.values() if group.domain_id == domain.id])
        for role in snapshot.roles.values():
            if role.domain_id == domain.id:
                await writer.delete(rows.Grant, role_id=role.id)
                await writer.delete(rows.Implication, prior_id=role.id)
                await writer.delete(rows.Role, id=role.id)
        below = [project.id for project in snapshot.projects.values() if project.domain_id == domain.id]
        await remove(writer, [*below, domain.id])

    await identity.store.write(work)
    await _tell(identity, domain)


async def remove(writer: Writer, project_ids: list[str]) -> None:
    """Within a transaction: projects with the grants on them and what is for them alone."""
    await writer.delete(rows.Grant, target_id=project_ids)
    await writer.delete(rows.ApplicationCredential, project_id=project_ids)
    await writer.delete(rows.Credential, project_id=project_ids)
    await writer.delete(rows.Trust, project_id=project_ids)
    for kind in (rows.RequestToken, rows.AccessToken, rows.Limit, rows.ProjectEndpoint, rows.ProjectEndpointGroup):
        await writer.delete(kind, project_id=project_ids)
    await writer.delete(rows.Limit, domain_id=project_ids)
    await writer.delete(rows.DomainOption, domain_id=project_ids)
    await writer.delete(rows.Project, id=project_ids)


async def set_tags(identity: Identity, project: rows.Project, tags: list[str]) -> rows.Project:
    """Replace the tags. Raises Invalid for too many."""
    wanted = list(dict.fromkeys(tags))
    if len(wanted) > MOST_TAGS:
        raise Invalid(f"A project has {MOST_TAGS} tags at the most.")
    changed = msgspec.structs.replace(project, tags=wanted)

    async def work(writer: Writer) -> None:
        if not await writer.replace(changed):
            raise Missing(kind="project", id=project.id)

    await identity.store.write(work)
    return changed


async def _tell(identity: Identity, project: rows.Project) -> None:
    if project.is_domain:
        await identity.revoker.tell(everything=True)
    else:
        await identity.revoker.tell(project_ids=[project.id])


def _extra(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in KNOWN}
