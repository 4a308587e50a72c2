"""Roles as they follow from grants, groups, inheritance and implication."""

import asyncio

from tinstack.identity import rows
from tinstack.identity.snapshot import SYSTEM, Directory, Scope, Snapshot
from tinstack.identity.store import Counters


def _snapshot(*grants: rows.Grant) -> Snapshot:
    snapshot = Snapshot()
    snapshot.set_projects(
        [
            rows.Project(id="d", name="D", domain_id="", is_domain=True),
            rows.Project(id="p", name="p", domain_id="d", parent_id="d"),
            rows.Project(id="c", name="c", domain_id="d", parent_id="p"),
        ]
    )
    snapshot.set_users([rows.User(id="u", name="u", domain_id="d")])
    snapshot.groups = {"g": rows.Group(id="g", name="g", domain_id="d")}
    snapshot.set_members([rows.Member(group_id="g", user_id="u")])
    roles = [rows.Role(id=name, name=name) for name in ("admin", "member", "reader")]
    implications = [
        rows.Implication(prior_id="admin", implied_id="member"),
        rows.Implication(prior_id="member", implied_id="reader"),
    ]
    snapshot.set_roles([*roles, rows.Role(id="local", name="local", domain_id="d")], implications)
    snapshot.set_grants(list(grants))
    return snapshot


def _grant(actor: str, target: str, target_id: str, role: str, inherited: bool = False) -> rows.Grant:
    actor_id = "u" if actor == "user" else "g"
    return rows.Grant(
        actor=actor, actor_id=actor_id, target=target, target_id=target_id, role_id=role, inherited=inherited
    )


def _roles(snapshot: Snapshot, kind: str, identifier: str) -> list[str]:
    return [role.name for role in snapshot.roles_on("u", Scope(kind, identifier))]


def test_implied_roles_are_added_once_and_in_order() -> None:
    snapshot = _snapshot(_grant("user", "project", "p", "admin"), _grant("user", "project", "p", "reader"))
    assert sorted(_roles(snapshot, "project", "p")) == ["admin", "member", "reader"]


def test_a_group_gives_its_roles_to_its_members() -> None:
    assert _roles(_snapshot(_grant("group", "project", "p", "reader")), "project", "p") == ["reader"]


def test_a_grant_holds_on_its_target_alone() -> None:
    snapshot = _snapshot(_grant("user", "domain", "d", "admin"))
    assert _roles(snapshot, "project", "p") == []
    assert snapshot.roles_on("u", SYSTEM) == ()


def test_an_inherited_grant_holds_below_its_target_and_not_on_it() -> None:
    snapshot = _snapshot(_grant("user", "domain", "d", "reader", inherited=True))
    assert _roles(snapshot, "domain", "d") == []
    assert _roles(snapshot, "project", "p") == ["reader"]
    assert [project.id for project in snapshot.projects_of("u")] == ["p", "c"]


def test_a_role_of_a_domain_stands_in_no_token() -> None:
    assert _roles(_snapshot(_grant("user", "project", "p", "local")), "project", "p") == []


def test_roles_on_the_system() -> None:
    assert [role.name for role in _snapshot(_grant("user", "system", "all", "reader")).roles_on("u", SYSTEM)] == [
        "reader"
    ]


class _Store:
    def __init__(self) -> None:
        self.now = Counters(total=1, users=1)
        self.looks, self.loaded = 0, list[str]()
        self.gate = asyncio.Event()
        self.gate.set()

    async def total(self) -> int:
        self.looks += 1
        found = self.now.total
        await self.gate.wait()
        return found

    async def counters(self) -> Counters:
        return self.now

    async def load(self, kind: type[rows.Row]) -> list[rows.Row]:
        self.loaded.append(kind.__name__)
        return []


async def test_only_what_changed_is_loaded() -> None:
    store = _Store()
    directory = Directory(store)  # type: ignore[arg-type]
    await directory.current()
    await directory.current()
    assert store.loaded == ["User"]
    store.now = Counters(total=2, users=1, grants=1)
    await directory.current()
    assert store.loaded == ["User", "Grant"]


async def test_requests_that_wait_share_a_look_that_began_after_they_came() -> None:
    store = _Store()
    directory = Directory(store)  # type: ignore[arg-type]
    store.gate.clear()
    first = asyncio.create_task(directory.current())
    await asyncio.sleep(0)
    later = [asyncio.create_task(directory.current()) for _ in range(50)]
    await asyncio.sleep(0)
    store.now = Counters(total=2, users=2)
    store.gate.set()
    await first
    seen = await asyncio.gather(*later)
    assert store.looks == 2
    assert {snapshot.counters.total for snapshot in seen} == {2}
