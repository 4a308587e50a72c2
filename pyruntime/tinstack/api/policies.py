"""Default policy of the compute API: upstream's rule names (nova's policy reference) with the personas of core.policy."""

ADMIN = "rule:admin_required"
READER = "rule:project_reader_or_admin"
MEMBER = "rule:project_member_or_admin"
ANYONE = "@"
OWN_KEYS = "rule:admin_required or user_id:%(user_id)s"

_RULES = {
    ADMIN: """
        os-admin-actions:reset_state os-aggregates:add_host os-aggregates:create os-aggregates:delete os-aggregates:index
        os-aggregates:remove_host os-aggregates:set_metadata os-aggregates:show os-aggregates:update
        os-availability-zone:detail os-extended-server-attributes os-flavor-access os-flavor-access:add_tenant_access
        os-flavor-access:remove_tenant_access os-flavor-extra-specs:create os-flavor-extra-specs:delete
        os-flavor-extra-specs:update os-flavor-manage:create os-flavor-manage:delete os-flavor-manage:update
        os-hosts:list os-hosts:reboot os-hosts:show os-hosts:shutdown os-hosts:start os-hosts:update
        os-instance-usage-audit-log:list os-instance-usage-audit-log:show os-hypervisors:list os-hypervisors:list-detail
        os-hypervisors:search os-hypervisors:servers os-hypervisors:show os-hypervisors:statistics os-hypervisors:uptime
        os-instance-actions:events os-instance-actions:events:details os-lock-server:unlock:unlock_override
        limits:other_project os-migrations:index os-quota-class-sets:show os-quota-class-sets:update
        os-quota-sets:delete os-quota-sets:update os-server-diagnostics os-server-groups:index:all_projects
        os-services:delete os-services:list os-services:update os-simple-tenant-usage:list servers:allow_all_filters
        servers:create:forced_host servers:create:zero_disk_flavor servers:detail:get_all_tenants
        servers:index:get_all_tenants servers:show:host_status servers:show:host_status:unknown-only
    """,
    READER: """
        ips:index ips:show os-attach-interfaces:list os-attach-interfaces:show os-flavor-extra-specs:index
        os-flavor-extra-specs:show os-floating-ip-pools os-floating-ips:list os-floating-ips:show os-instance-actions:list
        os-instance-actions:show os-networks:list os-networks:show os-tenant-networks:list os-tenant-networks:show os-volumes:list
        os-volumes:detail
        os-volumes:show os-volumes:snapshots:list os-volumes:snapshots:detail os-volumes:snapshots:show os-quota-sets:detail
        os-quota-sets:show os-security-groups:get os-security-groups:list os-security-groups:show
        os-server-groups:index os-server-groups:show os-server-password:show
        os-server-tags:index os-server-tags:show os-simple-tenant-usage:show os-volumes-attachments:index
        server-metadata:index server-metadata:show servers:detail servers:index servers:show
        servers:show:flavor-extra-specs
    """,
    MEMBER: """
        os-admin-password os-rescue os-unrescue
        os-attach-interfaces:create os-attach-interfaces:delete os-console-output os-create-backup os-deferred-delete:force
        os-deferred-delete:restore os-lock-server:lock os-lock-server:unlock os-pause-server:pause os-pause-server:unpause
        os-floating-ips:add os-floating-ips:create os-floating-ips:delete os-floating-ips:remove os-multinic:add
        os-multinic:remove
        os-remote-consoles os-security-groups:add os-security-groups:create
        os-volumes:create os-volumes:delete os-volumes:snapshots:create os-volumes:snapshots:delete
        os-security-groups:delete os-security-groups:remove os-security-groups:rule:create
        os-security-groups:rule:delete os-security-groups:update os-server-groups:create os-server-groups:delete
        os-server-password:clear os-server-tags:delete os-server-tags:delete_all os-server-tags:update
        os-server-tags:update_all os-suspend-server:resume os-suspend-server:suspend os-volumes-attachments:create
        os-volumes-attachments:delete os-volumes-attachments:update server-metadata:create server-metadata:delete
        server-metadata:update server-metadata:update_all servers:create servers:create:attach_network
        servers:create:attach_volume servers:create:trusted_certs servers:create_image servers:delete servers:reboot
        servers:create_image:allow_volume_backed servers:rebuild servers:resize servers:start servers:stop servers:update
    """,
    ANYONE: "extensions flavors limits os-availability-zone:list os-quota-sets:defaults",
    OWN_KEYS: "os-keypairs:create os-keypairs:delete os-keypairs:index os-keypairs:show",
    "rule:project_reader_or_service": "os-volumes-attachments:show",
    "rule:admin_or_service": "os-console-auth-tokens os-volumes-attachments:swap",
    "rule:service_role": "os-server-external-events:create",
}

DEFAULTS = {f"os_compute_api:{name}": check for check, names in _RULES.items() for name in names.split()} | {
    "compute:servers:create:requested_destination": ADMIN,
    "network:attach_external_network": ADMIN,
    "tinstack:operations:list": ADMIN,
    "tinstack:images": ANYONE,
    "tinstack:servers:trace": READER,
}
