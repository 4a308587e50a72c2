"""A service whose secret was changed may go on with the one that it was started with, for a while."""

import sqlalchemy as sa
from tests.unit.identity.conftest import DOCUMENT, SECRET, Rig

from tinstack.identity import bootstrap, tables
from tinstack.identity.authentication import ROTATION_SECONDS

NEW = "fedcba9876543210" * 4


async def rotate(rig: Rig, secret: str) -> None:
    document = bootstrap.Document(admin=DOCUMENT.admin, service_users={"image": secret, "conductor": SECRET})
    assert await bootstrap.bootstrap(rig.database, document)


async def age(rig: Rig, seconds: int) -> None:
    """Let all passwords have been made so much earlier."""
    passwords = tables.passwords
    older = sa.update(passwords).values(created_at=passwords.c.created_at - seconds * 1_000_000)

    async def work(tx):  # type: ignore[no-untyped-def]
        await tx.run(older)

    await rig.database.transact(work)


async def test_old_and_new_secret_are_good_while_secrets_are_rotated(rig: Rig) -> None:
    assert (await rig.sign_in("image", SECRET)).status_code == 201
    await rotate(rig, NEW)
    assert (await rig.sign_in("image", NEW)).status_code == 201
    assert (await rig.sign_in("image", SECRET)).status_code == 201
    assert (await rig.sign_in("image", "f" * 32)).status_code == 401


async def test_the_old_secret_ends_by_itself(rig: Rig) -> None:
    await rotate(rig, NEW)
    await age(rig, ROTATION_SECONDS + 1)
    assert (await rig.sign_in("image", SECRET)).status_code == 401
    assert (await rig.sign_in("image", NEW)).status_code == 201


async def test_only_the_last_one_is_good(rig: Rig) -> None:
    await rotate(rig, NEW)
    await rotate(rig, "abcdef0123456789" * 4)
    assert (await rig.sign_in("image", SECRET)).status_code == 401
    assert (await rig.sign_in("image", NEW)).status_code == 201
