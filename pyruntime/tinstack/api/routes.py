"""Every operation of the compute API, one line each, in the order of its reference."""

from typing import Any

from tinstack.api.handlers import (
    actions,
    addresses,
    aggregates,
    attachments,
    audit,
    consoles,
    create,
    events,
    extensions,
    flavors,
    gone,
    groups,
    hosts,
    hypervisors,
    interfaces,
    keypairs,
    labels,
    operations,
    quotas,
    rebuilds,
    records,
    security_groups,
    servers,
    services,
    snapshots,
    usage,
    versions,
)
from tinstack.api.handlers import image_proxies as image
from tinstack.api.handlers import network_proxies as net
from tinstack.api.handlers import volume_proxies as block
from tinstack.api.schemas import actions as act
from tinstack.api.schemas import admin
from tinstack.api.schemas import attachments as attach
from tinstack.api.schemas import consoles as console
from tinstack.api.schemas import flavors as flavor
from tinstack.api.schemas import keypairs as keys
from tinstack.api.schemas import proxies as proxy
from tinstack.api.schemas import rebuild as again
from tinstack.api.schemas import servers as body
from tinstack.core.http import Route, since
from tinstack.core.http.routes import Handler, SchemaVersions

N = "os_compute_api:"
IMAGES = "tinstack:images"
"""The image service decides itself what its own users may."""
ACTION = "/servers/{server_id}/action"

VERSIONS = [
    Route("GET", "", versions.index, public=True),
    Route("GET", "/v2", versions.show_v2, public=True),
    Route("GET", "/v2.1", versions.show_v2_1, public=True),
]

SERVERS = [
    #     method    path                                      handler                  policy
    Route("GET",    "/servers",                               servers.index,           N + "servers:index"),
    Route("POST",   "/servers",                               create.create,           N + "servers:create",
          body=body.CREATE, status=202),
    Route("GET",    "/servers/detail",                        servers.detail,          N + "servers:detail"),
    Route("GET",    "/servers/{server_id}",                   servers.show,            checked=True),
    Route("PUT",    "/servers/{server_id}",                   servers.update,          checked=True, body=body.UPDATE),
    Route("DELETE", "/servers/{server_id}",                   actions.delete,          checked=True),
    Route("GET",    "/servers/{server_id}/ips",               servers.ips,             checked=True),
    Route("GET",    "/servers/{server_id}/ips/{network}",     servers.ips_of_network,  checked=True),
    Route("GET",    "/servers/{server_id}/diagnostics",       actions.diagnostics,     checked=True),
    Route("GET",    "/servers/{server_id}/os-security-groups", servers.security_groups, checked=True),
    Route("GET",    "/servers/{server_id}/migrations",        extensions.server_migrations, checked=True, first="2.23"),
    Route("POST",   "/servers/{server_id}/remote-consoles",   consoles.create,         checked=True, first="2.6",
          body=console.CREATE, status=200),
    Route("GET",    "/servers/{server_id}/os-server-password", extensions.password,    checked=True),
    Route("DELETE", "/servers/{server_id}/os-server-password", extensions.clear_password, checked=True),
    Route("GET",    "/servers/{server_id}/tinstack-trace",    records.trace,           checked=True),

    Route("GET",    "/servers/{server_id}/metadata",          labels.metadata,         checked=True),
    Route("POST",   "/servers/{server_id}/metadata",          labels.add_metadata,     checked=True,
          body=body.METADATA_SET, status=200),
    Route("PUT",    "/servers/{server_id}/metadata",          labels.set_metadata,     checked=True, body=body.METADATA_SET),
    Route("GET",    "/servers/{server_id}/metadata/{key}",    labels.metadata_item,    checked=True),
    Route("PUT",    "/servers/{server_id}/metadata/{key}",    labels.set_metadata_item, checked=True, body=body.METADATA_ITEM),
    Route("DELETE", "/servers/{server_id}/metadata/{key}",    labels.delete_metadata_item, checked=True),

    Route("GET",    "/servers/{server_id}/tags",              labels.tags,             checked=True, first="2.26"),
    Route("PUT",    "/servers/{server_id}/tags",              labels.set_tags,         checked=True, first="2.26",
          body=body.TAGS_SET),
    Route("DELETE", "/servers/{server_id}/tags",              labels.delete_tags,      checked=True, first="2.26"),
    Route("GET",    "/servers/{server_id}/tags/{tag}",        labels.has_tag,          checked=True, first="2.26", status=204),
    Route("PUT",    "/servers/{server_id}/tags/{tag}",        labels.add_tag,          checked=True, first="2.26", status=201),
    Route("DELETE", "/servers/{server_id}/tags/{tag}",        labels.delete_tag,       checked=True, first="2.26"),

    Route("GET",    "/servers/{server_id}/os-instance-actions", records.index,         checked=True),
    Route("GET",    "/servers/{server_id}/os-instance-actions/{request_id}", records.show, checked=True),

    Route("GET",    "/servers/{server_id}/os-interface",      interfaces.index,        checked=True),
    Route("POST",   "/servers/{server_id}/os-interface",      interfaces.create,       checked=True,
          body=act.ATTACH_INTERFACE, status=200),
    Route("GET",    "/servers/{server_id}/os-interface/{port_id}", interfaces.show,    checked=True),
    Route("DELETE", "/servers/{server_id}/os-interface/{port_id}", interfaces.delete,  checked=True, status=202),
    Route("GET",    "/servers/{server_id}/os-volume_attachments", attachments.index, checked=True),
    Route("POST",   "/servers/{server_id}/os-volume_attachments", attachments.create, checked=True,
          body=attach.CREATE, status=200),
    Route("GET",    "/servers/{server_id}/os-volume_attachments/{volume_id}", attachments.show, checked=True),
    Route("PUT",    "/servers/{server_id}/os-volume_attachments/{volume_id}", attachments.update, checked=True,
          body=attach.UPDATE, status=202),
    Route("DELETE", "/servers/{server_id}/os-volume_attachments/{volume_id}", attachments.delete, checked=True, status=202),
]  # fmt: skip

_ACCEPTED: list[tuple[str, Handler, dict[str, Any] | SchemaVersions]] = [
    ("os-start", actions.start, act.bare("os-start")),
    ("os-stop", actions.stop, act.bare("os-stop")),
    ("reboot", actions.reboot, act.REBOOT),
    ("pause", actions.pause, act.bare("pause")),
    ("unpause", actions.unpause, act.bare("unpause")),
    ("suspend", actions.suspend, act.bare("suspend")),
    ("resume", actions.resume, act.bare("resume")),
    ("lock", actions.lock, act.LOCK),
    ("unlock", actions.unlock, act.bare("unlock")),
    ("forceDelete", actions.force_delete, act.bare("forceDelete")),
    ("restore", actions.restore, act.bare("restore")),
    ("os-resetState", actions.reset, act.RESET_STATE),
    ("unrescue", rebuilds.unrescue, act.bare("unrescue")),
    ("changePassword", actions.change_password, act.CHANGE_PASSWORD),
    ("addSecurityGroup", actions.add_group, act.ADD_GROUP),
    ("removeSecurityGroup", actions.remove_group, act.REMOVE_GROUP),
]

ACTIONS = [
    *(Route("POST", ACTION, handler, checked=True, action=name, body=schema, status=202) for name, handler, schema in _ACCEPTED),
    *(
        Route("POST", ACTION, actions.missing, checked=True, action=name, body=act.bare(name), status=202, last=last)
        for last, names in actions.MISSING.items()
        for name in names.split()
    ),
    Route("POST", ACTION, addresses.add_fixed, checked=True, action="addFixedIp", body=act.ADD_FIXED_IP, status=202, last="2.43"),
    Route("POST", ACTION, addresses.remove_fixed, checked=True, action="removeFixedIp", body=act.REMOVE_FIXED_IP,
          status=202, last="2.43"),
    Route("POST", ACTION, addresses.add_floating, checked=True, action="addFloatingIp", body=act.ADD_FLOATING_IP,
          status=202, last="2.43"),
    Route("POST", ACTION, addresses.remove_floating, checked=True, action="removeFloatingIp", body=act.REMOVE_FLOATING_IP,
          status=202, last="2.43"),
    Route("POST", ACTION, snapshots.create_image, checked=True, action="createImage", body=act.CREATE_IMAGE, status=202),
    Route("POST", ACTION, snapshots.create_backup, checked=True, action="createBackup", body=act.CREATE_BACKUP, status=202),
    *(
        Route("POST", ACTION, consoles.action(name), checked=True, action=name, body=console.action(name, *types), status=200, last="2.5")
        for name, (_, types) in consoles.ACTIONS.items()
    ),
    Route("POST", ACTION, rebuilds.rescue, checked=True, action="rescue", body=again.RESCUE, status=200),
    Route("POST", ACTION, rebuilds.rebuild, checked=True, action="rebuild", body=again.REBUILD, status=202),
    Route("POST", ACTION, actions.console_output, checked=True, action="os-getConsoleOutput", body=act.CONSOLE_OUTPUT, status=200),
]  # fmt: skip

FLAVORS = [
    Route("GET",    "/flavors",                               flavors.index,           N + "flavors"),
    Route("POST",   "/flavors",                               flavors.create,          N + "os-flavor-manage:create",
          body=flavor.CREATE, status=200),
    Route("GET",    "/flavors/detail",                        flavors.detail,          N + "flavors"),
    Route("GET",    "/flavors/{flavor_id}",                   flavors.show,            N + "flavors"),
    Route("PUT",    "/flavors/{flavor_id}",                   flavors.update,          N + "os-flavor-manage:update",
          body=flavor.UPDATE, first="2.55"),
    Route("DELETE", "/flavors/{flavor_id}",                   flavors.delete,          N + "os-flavor-manage:delete", status=202),
    Route("GET",    "/flavors/{flavor_id}/os-flavor-access",  flavors.access,          N + "os-flavor-access"),
    Route("POST",   "/flavors/{flavor_id}/action",            flavors.add_access,      N + "os-flavor-access:add_tenant_access",
          action="addTenantAccess", body=flavor.ADD_ACCESS, status=200),
    Route("POST",   "/flavors/{flavor_id}/action",            flavors.remove_access,   N + "os-flavor-access:remove_tenant_access",
          action="removeTenantAccess", body=flavor.REMOVE_ACCESS, status=200),
    Route("GET",    "/flavors/{flavor_id}/os-extra_specs",    flavors.specs,           N + "os-flavor-extra-specs:index"),
    Route("POST",   "/flavors/{flavor_id}/os-extra_specs",    flavors.set_specs,       N + "os-flavor-extra-specs:create",
          body=flavor.SPECS, status=200),
    Route("GET",    "/flavors/{flavor_id}/os-extra_specs/{key}", flavors.spec,         N + "os-flavor-extra-specs:show"),
    Route("PUT",    "/flavors/{flavor_id}/os-extra_specs/{key}", flavors.set_spec,     N + "os-flavor-extra-specs:update",
          body=flavor.SPEC),
    Route("DELETE", "/flavors/{flavor_id}/os-extra_specs/{key}", flavors.delete_spec,  N + "os-flavor-extra-specs:delete", status=200),

    Route("GET",    "/os-keypairs",                           keypairs.index,          checked=True, query=keys.INDEX),
    Route("POST",   "/os-keypairs",                           keypairs.create,         checked=True,
          body=keys.CREATE, status=since("2.1", 200, "2.2", 201)),
    Route("GET",    "/os-keypairs/{name}",                    keypairs.show,           checked=True, query=keys.SHOW),
    Route("DELETE", "/os-keypairs/{name}",                    keypairs.delete,         checked=True,
          query=keys.SHOW, status=since("2.1", 202, "2.2", 204)),
]  # fmt: skip

PROJECTS = [
    Route("GET",    "/limits",                                quotas.limits,           N + "limits"),
    Route("GET",    "/os-quota-sets/{project_id}",            quotas.show,             checked=True),
    Route("PUT",    "/os-quota-sets/{project_id}",            quotas.update,           checked=True, body=admin.QUOTA_SET),
    Route("DELETE", "/os-quota-sets/{project_id}",            quotas.delete,           checked=True, status=202),
    Route("GET",    "/os-quota-sets/{project_id}/defaults",   quotas.defaults,         checked=True),
    Route("GET",    "/os-quota-sets/{project_id}/detail",     quotas.detail,           checked=True),
    Route("GET",    "/os-quota-class-sets/{name}",            quotas.show_class,       N + "os-quota-class-sets:show"),
    Route("PUT",    "/os-quota-class-sets/{name}",            quotas.update_class,     N + "os-quota-class-sets:update",
          body=admin.QUOTA_CLASS),
    Route("GET",    "/os-simple-tenant-usage",                usage.index,             N + "os-simple-tenant-usage:list"),
    Route("GET",    "/os-simple-tenant-usage/{project_id}",   usage.show,              checked=True),
    Route("GET",    "/os-server-groups",                      groups.index,            checked=True),
    Route("POST",   "/os-server-groups",                      groups.create,           checked=True,
          body=admin.GROUP_CREATE, status=200),
    Route("GET",    "/os-server-groups/{id}",                 groups.show,             checked=True),
    Route("DELETE", "/os-server-groups/{id}",                 groups.delete,           checked=True),
]  # fmt: skip

HOSTS = [
    Route("GET",    "/os-services",                           services.index,          N + "os-services:list"),
    Route("PUT",    "/os-services/enable",                    services.enable,         N + "os-services:update",
          body=admin.SERVICE_SWITCH, last="2.52"),
    Route("PUT",    "/os-services/disable",                   services.disable,        N + "os-services:update",
          body=admin.SERVICE_SWITCH, last="2.52"),
    Route("PUT",    "/os-services/disable-log-reason",        services.disable_with_reason, N + "os-services:update",
          body=admin.SERVICE_REASON, last="2.52"),
    Route("PUT",    "/os-services/force-down",                services.force_down,     N + "os-services:update",
          body=admin.SERVICE_FORCE, first="2.11", last="2.52"),
    Route("PUT",    "/os-services/{service_id}",              services.update,         N + "os-services:update",
          body=admin.SERVICE_UPDATE, first="2.53"),
    Route("DELETE", "/os-services/{service_id}",              services.delete,         N + "os-services:delete"),
    Route("GET",    "/os-availability-zone",                  services.zone_index,     N + "os-availability-zone:list"),
    Route("GET",    "/os-availability-zone/detail",           services.zone_detail,    N + "os-availability-zone:detail"),

    Route("GET",    "/os-hypervisors",                        hypervisors.index,       N + "os-hypervisors:list"),
    Route("GET",    "/os-hypervisors/detail",                 hypervisors.detail,      N + "os-hypervisors:list-detail"),
    Route("GET",    "/os-hypervisors/statistics",             hypervisors.statistics,  N + "os-hypervisors:statistics", last="2.87"),
    Route("GET",    "/os-hypervisors/{id}",                   hypervisors.show,        N + "os-hypervisors:show"),
    Route("GET",    "/os-hypervisors/{id}/uptime",            hypervisors.uptime,      N + "os-hypervisors:uptime", last="2.87"),
    Route("GET",    "/os-hypervisors/{id}/search",            hypervisors.search,      N + "os-hypervisors:search", last="2.52"),
    Route("GET",    "/os-hypervisors/{id}/servers",           hypervisors.servers,     N + "os-hypervisors:servers", last="2.52"),
    Route("GET",    "/os-hosts",                              hosts.index,             N + "os-hosts:list", last="2.42"),
    Route("GET",    "/os-hosts/{name}",                       hosts.show,              N + "os-hosts:show", last="2.42"),
    Route("PUT",    "/os-hosts/{name}",                       hosts.update,            N + "os-hosts:update",
          body=admin.HOST_UPDATE, last="2.42"),
    Route("GET",    "/os-hosts/{name}/reboot",                hosts.power,             N + "os-hosts:reboot", last="2.42"),
    Route("GET",    "/os-hosts/{name}/shutdown",              hosts.power,             N + "os-hosts:shutdown", last="2.42"),
    Route("GET",    "/os-hosts/{name}/startup",               hosts.power,             N + "os-hosts:start", last="2.42"),

    Route("GET",    "/os-aggregates",                         aggregates.index,        N + "os-aggregates:index"),
    Route("POST",   "/os-aggregates",                         aggregates.create,       N + "os-aggregates:create",
          body=admin.AGGREGATE_CREATE, status=200),
    Route("GET",    "/os-aggregates/{id}",                    aggregates.show,         N + "os-aggregates:show"),
    Route("PUT",    "/os-aggregates/{id}",                    aggregates.update,       N + "os-aggregates:update",
          body=admin.AGGREGATE_UPDATE),
    Route("DELETE", "/os-aggregates/{id}",                    aggregates.delete,       N + "os-aggregates:delete", status=200),
    Route("POST",   "/os-aggregates/{id}/action",             aggregates.add_host,     N + "os-aggregates:add_host",
          action="add_host", body=admin.AGGREGATE_ADD, status=200),
    Route("POST",   "/os-aggregates/{id}/action",             aggregates.remove_host,  N + "os-aggregates:remove_host",
          action="remove_host", body=admin.AGGREGATE_REMOVE, status=200),
    Route("POST",   "/os-aggregates/{id}/action",             aggregates.set_metadata, N + "os-aggregates:set_metadata",
          action="set_metadata", body=admin.AGGREGATE_METADATA, status=200),
    Route("GET",    "/os-console-auth-tokens/{token}",        consoles.show_token,     N + "os-console-auth-tokens"),
    Route("GET",    "/os-migrations",                         extensions.migrations,   N + "os-migrations:index"),
    Route("GET",    "/tinstack-operations",                   operations.index,        "tinstack:operations:list"),
    Route("GET",    "/os-instance_usage_audit_log",           audit.index,             N + "os-instance-usage-audit-log:list"),
    Route("GET",    "/os-instance_usage_audit_log/{before}",  audit.show,              N + "os-instance-usage-audit-log:show"),
    Route("GET",    "/extensions",                            extensions.index,        N + "extensions"),
    Route("GET",    "/extensions/{alias}",                    extensions.show,         N + "extensions"),
    Route("POST",   "/os-server-external-events",             events.create,           N + "os-server-external-events:create",
          body=admin.EXTERNAL_EVENTS, status=200),
]  # fmt: skip

PROXIES = [
    Route("GET",    "/os-security-groups",                    security_groups.index,   N + "os-security-groups:get", last="2.35"),
    Route("POST",   "/os-security-groups",                    security_groups.create,  N + "os-security-groups:create",
          body=proxy.GROUP, status=200, last="2.35"),
    Route("GET",    "/os-security-groups/{group_id}",         security_groups.show,    N + "os-security-groups:show", last="2.35"),
    Route("PUT",    "/os-security-groups/{group_id}",         security_groups.update,  N + "os-security-groups:update",
          body=proxy.GROUP, last="2.35"),
    Route("DELETE", "/os-security-groups/{group_id}",         security_groups.delete,  N + "os-security-groups:delete",
          status=202, last="2.35"),
    Route("POST",   "/os-security-group-rules",               security_groups.create_rule, N + "os-security-groups:rule:create",
          body=proxy.RULE, status=200, last="2.35"),
    Route("DELETE", "/os-security-group-rules/{rule_id}",     security_groups.delete_rule, N + "os-security-groups:rule:delete",
          status=202, last="2.35"),

    Route("GET",    "/os-networks",                           net.index,               N + "os-networks:list", last="2.35"),
    Route("GET",    "/os-networks/{id}",                      net.show,                N + "os-networks:show", last="2.35"),
    Route("GET",    "/os-tenant-networks",                    net.index_of_project,    N + "os-tenant-networks:list", last="2.35"),
    Route("GET",    "/os-tenant-networks/{id}",               net.show_of_project,     N + "os-tenant-networks:show", last="2.35"),
    Route("GET",    "/os-floating-ip-pools",                  net.pools,               N + "os-floating-ip-pools", last="2.35"),
    Route("GET",    "/os-floating-ips",                       net.floating_index,      N + "os-floating-ips:list", last="2.35"),
    Route("POST",   "/os-floating-ips",                       net.floating_create,     N + "os-floating-ips:create",
          body=proxy.FLOATING_IP, status=200, last="2.35"),
    Route("GET",    "/os-floating-ips/{id}",                  net.floating_show,       N + "os-floating-ips:show", last="2.35"),
    Route("DELETE", "/os-floating-ips/{id}",                  net.floating_delete,     N + "os-floating-ips:delete",
          status=202, last="2.35"),

    Route("GET",    "/os-volumes",                            block.index,             N + "os-volumes:list", last="2.35"),
    Route("POST",   "/os-volumes",                            block.create,            N + "os-volumes:create",
          body=proxy.VOLUME, status=200, last="2.35"),
    Route("GET",    "/os-volumes/detail",                     block.index,             N + "os-volumes:detail", last="2.35"),
    Route("GET",    "/os-volumes/{id}",                       block.show,              N + "os-volumes:show", last="2.35"),
    Route("DELETE", "/os-volumes/{id}",                       block.delete,            N + "os-volumes:delete",
          status=202, last="2.35"),
    Route("GET",    "/os-snapshots",                          block.snapshot_index,    N + "os-volumes:snapshots:list", last="2.35"),
    Route("POST",   "/os-snapshots",                          block.snapshot_create,   N + "os-volumes:snapshots:create",
          body=proxy.SNAPSHOT, status=200, last="2.35"),
    Route("GET",    "/os-snapshots/detail",                   block.snapshot_index,    N + "os-volumes:snapshots:detail", last="2.35"),
    Route("GET",    "/os-snapshots/{id}",                     block.snapshot_show,     N + "os-volumes:snapshots:show", last="2.35"),
    Route("DELETE", "/os-snapshots/{id}",                     block.snapshot_delete,   N + "os-volumes:snapshots:delete",
          status=202, last="2.35"),

    Route("GET",    "/images",                                image.index,             IMAGES, last="2.35"),
    Route("GET",    "/images/detail",                         image.detail,            IMAGES, last="2.35"),
    Route("GET",    "/images/{image_id}",                     image.show,              IMAGES, last="2.35"),
    Route("DELETE", "/images/{image_id}",                     image.delete,            IMAGES, last="2.35"),
    Route("GET",    "/images/{image_id}/metadata",            image.metadata,          IMAGES, last="2.38"),
    Route("POST",   "/images/{image_id}/metadata",            image.add_metadata,      IMAGES, last="2.38",
          body=proxy.IMAGE_METADATA, status=200),
    Route("PUT",    "/images/{image_id}/metadata",            image.set_metadata,      IMAGES, last="2.38", body=proxy.IMAGE_METADATA),
    Route("GET",    "/images/{image_id}/metadata/{key}",      image.item,              IMAGES, last="2.38"),
    Route("PUT",    "/images/{image_id}/metadata/{key}",      image.set_item,          IMAGES, last="2.38", body=proxy.IMAGE_ITEM),
    Route("DELETE", "/images/{image_id}/metadata/{key}",      image.delete_item,       IMAGES, last="2.38"),
]  # fmt: skip

GONE = [
    Route(method, path, gone.gone, checked=True) for path, methods in gone.PATHS.items() for method in methods.split()
]

ROUTES = [*SERVERS, *ACTIONS, *FLAVORS, *PROJECTS, *HOSTS, *PROXIES, *GONE]
