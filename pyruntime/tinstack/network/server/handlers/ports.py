"""Ports. Source: Network API reference, Ports; flow, steps 22 and 23."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from sqlalchemy import bindparam, select

from tinstack.core import crash
from tinstack.core.db import prepared, to_json
from tinstack.core.http import Request
from tinstack.network.server import lists, own_ports, port_extras, store, views
from tinstack.network.server import tables as t
from tinstack.network.server.addresses import Fixed
from tinstack.network.server.bodies import authorize_attributes
from tinstack.network.server.errors import HTTPBadRequest, NetworkNotFound, PortNotFound
from tinstack.network.server.handlers import launches, networks, qos
from tinstack.network.server.handlers.common import Body, allowed, listed, network_target, open_to, shown, visible
from tinstack.network.server.known import MARK_NOW
from tinstack.network.server.names import LABEL, is_name
from tinstack.network.server.parts import Parts
from tinstack.network.server.ports import Asked, Shown
from tinstack.network.server.revisions import expected
from tinstack.network.server.rows import Network, Port
from tinstack.network.server.schemas.ports import COLUMNS, DEFAULTS, PORT, PORT_WITH_ID

SEES_BINDING, SEES_REQUEST = "get_port:binding:host_id", "get_port:resource_request"
PROFILE_BYTES = 4095

SEEN = prepared(select(t.ports, MARK_NOW).where(t.ports.c.id == bindparam("key")))


class _Seen(Port, kw_only=True):
    """A port with the mark of what is known."""

    mark: int | None


async def found(request: Request, parts: Parts, id: str) -> tuple[Port, Body]:
    """A port that the caller sees, with its policy target. Raises PortNotFound."""
    row = await parts.db.one(SEEN, _Seen, key=id)
    missing = PortNotFound(id=id)
    if row is None:
        raise missing
    on = await network_target(request, parts.db.at(row.mark), row, row.network_id)
    visible(request, "get_port", on, missing)
    return row, on


async def _show(request: Request, parts: Parts, rows: Sequence[Port]) -> list[Body]:
    belongings = await port_extras.belongings(parts.db, rows)
    return await _shown(request, parts, [belongings[row.id] for row in rows])


async def _shown(request: Request, parts: Parts, rows: Sequence[Shown]) -> list[Body]:
    launch, domain = request.context.launch is not None, parts.config.dns_domain
    binding, requests = launch or request.may(SEES_BINDING), not launch and request.may(SEES_REQUEST)
    extras = await port_extras.of(parts.db, rows, requests=requests)
    return [
        {**views.port(row.port, row.addresses, row.groups, binding=binding, domain=domain), **extras[row.port.id]}
        for row in rows
    ]


async def index(request: Request, parts: Parts) -> Body:
    """Own ports, and all of own networks."""
    return await listed(request, parts, "ports", lists.PORTS, _show)


async def show(request: Request, parts: Parts) -> Body:
    """One port; to a host, one that its launch token names."""
    id, launch = request.path["id"], request.context.launch
    if launch is not None:
        launches.named(launch, id)
        request.authorized = True
        row = await store.ports.get(parts.db, id)
        if row is None:
            raise PortNotFound(id=id)
    else:
        row, _ = await found(request, parts, id)
    return shown(request, "port", (await _show(request, parts, [row]))[0])


def _values(item: Body, profile: Body) -> dict[str, Any]:
    """Attributes as columns. ``profile``: the port's so far. Raises HTTPBadRequest."""
    trusted = item.get("trusted")
    item = {name: value for name, value in item.items() if name != "trusted"}
    if trusted is not None:
        item["binding:profile"] = {**(item.get("binding:profile") or profile), "trusted": trusted}
    values = {COLUMNS.get(name, name): value for name, value in item.items()}
    for name in ("fixed_ips", "security_groups"):
        values.pop(name, None)
    if "mac_address" in values:
        values["mac_address"] = _mac(values["mac_address"]) if values["mac_address"] else own_ports.new_mac()
    if values.get("dns_name") and not LABEL.fullmatch(values["dns_name"].partition(".")[0]):
        raise HTTPBadRequest(f"Invalid input for dns_name. Reason: '{values['dns_name']}' is not a valid DNS label.")
    if values.get("dns_domain") and not is_name(values["dns_domain"]):
        raise HTTPBadRequest(f"Invalid input for dns_domain. Reason: '{values['dns_domain']}' is not a valid domain.")
    for name, empty in (("binding_host", ""), ("binding_profile", {}), ("allowed_address_pairs", [])):
        if name in values and values[name] is None:
            values[name] = empty
    if len(to_json(values.get("binding_profile"))) > PROFILE_BYTES:
        raise HTTPBadRequest("Invalid input for binding:profile. Reason: it is too large.")
    if "extra_dhcp_opts" in values:
        values["extra_dhcp_opts"] = _options(values["extra_dhcp_opts"] or [])
    return values


def _mac(text: str) -> str:
    mac = text.lower()
    if int(mac[:2], 16) & 1 or mac == "00:00:00:00:00:00":
        raise HTTPBadRequest(f"Invalid input for mac_address. Reason: '{text}' is not a valid MAC address.")
    return mac


def _options(given: list[Body]) -> list[dict[str, str | int]]:
    return [
        {"opt_name": one["opt_name"], "opt_value": one["opt_value"], "ip_version": int(one.get("ip_version") or 4)}
        for one in given
        if one.get("opt_value") is not None
    ]


def _with_macs(values: dict[str, Any], mac: str) -> None:
    """A pair without a MAC address is of the port's own. Raises HTTPBadRequest for pairs named twice."""
    pairs = [
        {"ip_address": pair["ip_address"], "mac_address": pair.get("mac_address", mac).lower()}
        for pair in values["allowed_address_pairs"]
    ]
    if len({(pair["ip_address"], pair["mac_address"]) for pair in pairs}) < len(pairs):
        raise HTTPBadRequest("Request contains duplicate address pair.")
    values["allowed_address_pairs"] = pairs


def _fixed(item: Body) -> list[Fixed] | None:
    given = item.get("fixed_ips")
    fixed = None if given is None else [Fixed(**one) for one in given]
    texts = [one.ip_address for one in fixed or [] if one.ip_address]
    if len(set(texts)) < len(texts):
        raise HTTPBadRequest("Invalid input for fixed_ips. Reason: Duplicate IP address.")
    return fixed


async def _asked(request: Request, parts: Parts, item: Body) -> Asked:
    launch = request.context.launch
    network = await _network(request, parts, item)
    if launch is not None:
        launches.check_new(launch, item, request.project_id)
        request.authorized = True
    else:
        on = await _target(request, parts, item, network.id)
        request.authorize("create_port", on)
        defaults = {**DEFAULTS, "port_security_enabled": network.port_security_enabled}
        authorize_attributes(request, "create_port", item, on, defaults)
        await qos.check_use(request, parts, item)
    if item.get("mac_address") is None:
        item.pop("mac_address", None)
    values = _values(item, {})
    id, mac = values.pop("id", None), values.pop("mac_address", None)
    values.setdefault("port_security_enabled", network.port_security_enabled)
    address = mac or own_ports.new_mac()
    if values.get("allowed_address_pairs"):
        _with_macs(values, address)
    return Asked(
        port=Port(id=id or str(uuid4()), mac_address=address, **values),
        fixed=_fixed(item),
        groups=item.get("security_groups"),
        mac=mac is not None,
        chosen_id=id is not None,
    )


async def _network(request: Request, parts: Parts, item: Body) -> Network:
    """The port's network, which its project must see, or a launch token name. Raises NetworkNotFound."""
    launch = request.context.launch
    if launch is None:
        return await networks.found(request, parts, item["network_id"])
    known = await parts.db.known()
    row = await store.networks.get(known, item["network_id"])
    seen = row is not None and (
        row.project_id == request.project_id or await open_to(request, known, "network", row.id)
    )
    if row is None or not (seen or row.id in launch.networks):
        raise NetworkNotFound(id=item["network_id"])
    return row


async def _target(request: Request, parts: Parts, item: Body, network_id: str, row: Port | None = None) -> Body:
    project = row.project_id if row else item["project_id"]
    device = str(item.get("device_owner", "").startswith("network:"))
    fixed = {"project_id": project, "tenant_id": project, "network_device": device}
    return await network_target(request, parts.db.latest, None, network_id, **fixed)


async def create(request: Request, parts: Parts) -> Body:
    """One port or several; hosts and our services choose its id."""
    parts.trace_token(request)
    context = request.context
    chooses = context.launch is not None or context.is_service
    items, bulk = (PORT_WITH_ID if chooses else PORT).created(request)
    asked = [await _asked(request, parts, item) for item in items]
    if context.launch is None:
        made = await parts.ports.create(asked)
    else:
        with crash.around(22):
            made = await parts.ports.create(asked)
    return PORT.answer(await _shown(request, parts, made), bulk=bulk)


async def update(request: Request, parts: Parts) -> Body:
    """Change attributes; by a host, bind the port to it."""
    parts.trace_token(request)
    id, launch = request.path["id"], request.context.launch
    if launch is not None:
        launches.named(launch, id)
        request.authorized = True
        row = await store.ports.get(parts.db, id)
        if row is None:
            raise PortNotFound(id=id)
        item = PORT.updated(request)
        launches.check_change(launch, row, item)
    else:
        row, _ = await found(request, parts, id)
        item = PORT.updated(request)
        on = await _target(request, parts, item, row.network_id, row)
        request.authorize("update_port", on)
        authorize_attributes(request, "update_port", item, on, {"device_owner": row.device_owner})
        await qos.check_use(request, parts, item, row.qos_policy_id)
    values = _values(item, row.binding_profile)
    if values.get("allowed_address_pairs"):
        _with_macs(values, values.get("mac_address", row.mac_address))
    fixed = _fixed({"fixed_ips": item["fixed_ips"] or []}) if "fixed_ips" in item else None
    groups = (item["security_groups"] or []) if "security_groups" in item else None
    one = await parts.ports.update(row.id, values, expected(request), fixed=fixed, groups=groups)
    return {"port": (await _shown(request, parts, [one]))[0]}


async def delete(request: Request, parts: Parts) -> None:
    """Remove a port; the compute service is told unless it asked for this itself."""
    row, on = await found(request, parts, request.path["id"])
    allowed(request, "delete", "port", on, PortNotFound(id=row.id))
    with crash.around("remove-port"):
        await parts.ports.delete(row, expected(request), tell=not request.context.is_service)
