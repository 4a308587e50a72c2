"""Flavors and service profiles, and what a flavor says of a router. Source: Network API reference, Networking Flavors Framework."""

from typing import NamedTuple

from msgspec.structs import replace

from tinstack.core.db import Duplicate
from tinstack.core.errors import BadRequest, Conflict, NotFound, Unavailable
from tinstack.network.server import store_admin as store
from tinstack.network.server.change import Change, Changes
from tinstack.network.server.errors import InvalidInput
from tinstack.network.server.plain import Plain
from tinstack.network.server.rows import Router
from tinstack.network.server.rows_admin import Flavor, FlavorProfile, ServiceProfile
from tinstack.network.server.store import Reader

L3 = "L3_ROUTER_NAT"
SERVICE_TYPES = (
    "CORE",
    "DUMMY",
    "FLAVORS",
    "L3_ROUTER_NAT",
    "METERING",
    "QOS",
    "TRUNK",
    "VPN",
    "FIREWALL_V2",
    "LOADBALANCERV2",
)


class Provider(NamedTuple):
    """A way to make routers, under the name of the class that stands for it upstream."""

    name: str
    driver: str
    distributed: bool
    ha: bool


_PACKAGE = "neutron.services.l3_router.service_providers"
PROVIDERS = (
    Provider("single_node", f"{_PACKAGE}.single_node.SingleNodeDriver", False, False),
    Provider("dvr", f"{_PACKAGE}.dvr.DvrDriver", True, False),
    Provider("ha", f"{_PACKAGE}.ha.HaDriver", False, True),
    Provider("dvrha", f"{_PACKAGE}.dvrha.DvrHaDriver", True, True),
)


class FlavorNotFound(NotFound):
    code, message = "network.flavor.not_found", "Flavor {id} could not be found."


class FlavorInUse(Conflict):
    code, message = "network.flavor.in_use", "Flavor {id} is used by some service instance."


class FlavorDisabled(Unavailable):
    """503: as upstream answers."""

    code, message = "network.flavor.disabled", "Flavor is not enabled."


class ServiceProfileNotFound(NotFound):
    code, message = "network.profile.not_found", "Service Profile {id} could not be found."


class ServiceProfileInUse(Conflict):
    code, message = "network.profile.in_use", "Service Profile {id} is used by some service instance."


class ServiceProfileDisabled(Unavailable):
    code, message = "network.profile.disabled", "Service Profile is not enabled."


class ServiceProfileEmpty(BadRequest):
    code, message = "network.profile.empty", "Service Profile needs either a driver or metainfo."


class ServiceProfileDriverNotFound(NotFound):
    code, message = "network.profile.driver", "Service Profile driver {driver} could not be found."


class FlavorServiceProfileBindingExists(Conflict):
    code = "network.flavor.bound"
    message = "Service Profile {profile} is already associated with flavor {flavor}."


class FlavorServiceProfileBindingNotFound(NotFound):
    code = "network.flavor.not_bound"
    message = "Service Profile {profile} is not associated with flavor {flavor}."


class FlavorAndFlags(BadRequest):
    """400: the flavor says it already."""

    code, message = (
        "network.flavor.flags",
        "Bad router request: Cannot specify distributed or ha together with a flavor.",
    )


async def _add_flavor(change: Change, flavor: Flavor) -> None:
    if flavor.service_type not in SERVICE_TYPES:
        raise InvalidInput(error_message=f"'{flavor.service_type}' is not a known service type")


async def _remove_flavor(change: Change, flavor: Flavor) -> None:
    if await change.tx.scalar(store.ROUTERS_OF_FLAVOR, flavor=flavor.id):
        raise FlavorInUse(id=flavor.id)
    await change.tx.run(store.DROP_PROFILES_OF_FLAVOR, flavor=flavor.id)


def _check_profile(profile: ServiceProfile) -> None:
    if not (profile.driver or profile.metainfo):
        raise ServiceProfileEmpty
    if profile.driver and all(one.driver != profile.driver for one in PROVIDERS):
        raise ServiceProfileDriverNotFound(driver=profile.driver)


async def _add_profile(change: Change, profile: ServiceProfile) -> None:
    _check_profile(profile)


async def _change_profile(change: Change, old: ServiceProfile, new: ServiceProfile) -> None:
    _check_profile(new)
    await _remove_profile(change, old)


async def _remove_profile(change: Change, profile: ServiceProfile) -> None:
    if await change.tx.one(store.FLAVORS_OF_PROFILE, FlavorProfile, profile=profile.id):
        raise ServiceProfileInUse(id=profile.id)


FLAVORS = Plain(store.flavors, FlavorNotFound, adding=_add_flavor, removing=_remove_flavor)
PROFILES = Plain(
    store.service_profiles,
    ServiceProfileNotFound,
    adding=_add_profile,
    changing=_change_profile,
    removing=_remove_profile,
)


async def bind(changes: Changes, flavor_id: str, profile_id: str) -> ServiceProfile:
    """Give a flavor a profile. Raises FlavorNotFound, ServiceProfileNotFound, FlavorServiceProfileBindingExists."""

    async def work(change: Change) -> ServiceProfile:
        flavor = await FLAVORS.get(change.tx, flavor_id)
        profile = await PROFILES.get(change.tx, profile_id)
        try:
            await change.tx.run(store.ADD_FLAVOR_PROFILE, flavor_id=flavor_id, profile_id=profile_id)
        except Duplicate as error:
            raise FlavorServiceProfileBindingExists(profile=profile_id, flavor=flavor_id) from error
        await store.flavors.save(change.tx, flavor, change.now)
        return profile

    return await changes.run(work)


async def unbind(changes: Changes, flavor_id: str, profile_id: str) -> None:
    """Take it away. Raises FlavorNotFound, FlavorServiceProfileBindingNotFound."""

    async def work(change: Change) -> None:
        flavor = await FLAVORS.get(change.tx, flavor_id)
        if not await change.tx.run(store.DROP_FLAVOR_PROFILE, flavor=flavor_id, profile=profile_id):
            raise FlavorServiceProfileBindingNotFound(profile=profile_id, flavor=flavor_id)
        await store.flavors.save(change.tx, flavor, change.now)

    await changes.run(work)


async def providers_of(db: Reader, flavor_id: str) -> list[tuple[Provider, ServiceProfile]]:
    """What a flavor's profiles lead to. Raises FlavorNotFound, FlavorDisabled, ServiceProfileDisabled."""
    flavor = await FLAVORS.get(db, flavor_id)
    if not flavor.enabled:
        raise FlavorDisabled
    ids = (await store.profiles_of(db, [flavor_id]))[flavor_id]
    found = []
    for id in ids:
        profile = await PROFILES.get(db, id)
        if not profile.enabled:
            raise ServiceProfileDisabled
        found += [(one, profile) for one in PROVIDERS if one.driver == profile.driver]
    return found


async def shape(db: Reader, router: Router) -> Router:
    """The router as its flavor wants it. Raises FlavorNotFound, FlavorDisabled, ServiceProfileDisabled, FlavorAndFlags."""
    if router.flavor_id is None:
        return router
    if router.distributed or router.ha:
        raise FlavorAndFlags
    flavor = await FLAVORS.get(db, router.flavor_id)
    found = await providers_of(db, router.flavor_id)
    if flavor.service_type != L3 or not found:
        raise FlavorNotFound(id=router.flavor_id)
    provider = found[0][0]
    return replace(router, distributed=provider.distributed, ha=provider.ha)
