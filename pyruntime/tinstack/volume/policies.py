"""Default rules, by upstream's names. Source: cinder's policy reference."""

_READ = "rule:project_reader_or_service"
_WRITE = "rule:project_member_or_service"
_ADMIN = "rule:admin_required"

_READS = """
volume:get volume:get_all volume:get_volume_metadata volume:get_snapshot volume:get_all_snapshots
volume:get_snapshot_metadata volume:attachment_list volume_extension:type_get volume_extension:type_get_all
volume_extension:quotas:show limits_extension:used_limits volume:availability_zone_list volume:get_extensions
volume_extension:types_extra_specs:index volume_extension:types_extra_specs:show volume_extension:volume_image_metadata:show
volume_extension:access_types_extra_specs volume:get_transfer volume:get_all_transfers
"""
_WRITES = """
volume:create volume:update volume:delete volume:create_volume_metadata volume:update_volume_metadata
volume:delete_volume_metadata volume:extend volume:create_snapshot volume:update_snapshot volume:delete_snapshot
volume:update_snapshot_metadata volume:delete_snapshot_metadata volume:attachment_create volume:attachment_update
volume:attachment_complete volume:attachment_delete volume:multiattach_bootable_volume volume:update_readonly_flag
volume_extension:volume_actions:attach volume_extension:volume_actions:begin_detaching
volume_extension:volume_actions:detach volume_extension:volume_actions:initialize_connection
volume_extension:volume_actions:reserve volume_extension:volume_actions:roll_detaching
volume_extension:volume_actions:upload_image volume:extend_attached_volume
volume_extension:volume_actions:terminate_connection volume_extension:volume_actions:unreserve volume:set_bootable
volume_extension:volume_image_metadata:set volume_extension:volume_image_metadata:remove volume:retype
volume:create_transfer volume:accept_transfer volume:delete_transfer
"""
_ADMINS = """
volume_extension:volume_admin_actions:reset_status volume_extension:volume_admin_actions:force_delete
volume_extension:volume_admin_actions:force_detach volume_extension:snapshot_admin_actions:reset_status
volume_extension:snapshot_admin_actions:force_delete volume_extension:volume_host_attribute
volume_extension:volume_mig_status_attribute volume_extension:type_create volume_extension:type_update
volume_extension:type_delete volume_extension:types_extra_specs:create volume_extension:types_extra_specs:update
volume_extension:types_extra_specs:delete volume_extension:volume_type_access:add
volume_extension:volume_type_access:remove volume_extension:volume_type_access:get_all_for_type
volume_extension:services:index volume_extension:services:update scheduler_extension:scheduler_stats:get_pools
volume_extension:quotas:update volume_extension:quotas:delete volume_extension:quota_classes:get
volume_extension:quota_classes:update volume_extension:hosts volume_extension:capabilities
volume_extension:access_types_qos_specs_id volume_extension:volume_type_encryption:get
"""

DEFAULTS = {
    **dict.fromkeys(_READS.split(), _READ),
    **dict.fromkeys(_WRITES.split(), _WRITE),
    **dict.fromkeys(_ADMINS.split(), _ADMIN),
    "snapshot_extension:snapshot_actions:update_snapshot_status": _WRITE,
    "volume_extension:volume_tenant_attribute": _READ,
    "volume_extension:volume_type_access": "rule:admin_or_service or role:reader",
}
