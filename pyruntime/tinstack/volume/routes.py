"""Every operation of the Block Storage API that is there, in the reference's order."""

from typing import Any

from tinstack.core.http import Route
from tinstack.volume.handlers import actions, attachments, info, quotas, snapshots, transfers, types, volumes
from tinstack.volume.schemas import bodies as b

V = "/volumes/{volume_id}"
S = "/snapshots/{snapshot_id}"
T = "/types/{type_id}"
A = "/attachments/{attachment_id}"
X = "volume_extension:"


# fmt: off
def _transfers(path: str, first: str, create: Any) -> list[Route]:
    """The older and the newer way of the same."""
    one = f"{path}/{{transfer_id}}"
    return [
        Route("GET", path, transfers.index, "volume:get_all_transfers", first=first),
        Route("GET", f"{path}/detail", transfers.detail, "volume:get_all_transfers", first=first),
        Route("POST", path, transfers.create, checked=True, body=create, status=202, first=first),
        Route("GET", one, transfers.show, checked=True, first=first),
        Route("POST", f"{one}/accept", transfers.accept, checked=True, body=b.ACCEPT_TRANSFER, status=202, first=first),
        Route("DELETE", one, transfers.delete, checked=True, status=202, first=first),
    ]


VERSIONS = [
    Route("GET", "/", info.versions, public=True),
    Route("GET", "/v3", info.version, public=True),
]

ROUTES = [
    Route("GET", "/extensions", info.extensions, "volume:get_extensions"),

    Route("GET", "/types", types.index, f"{X}type_get_all"),
    Route("POST", "/types", types.create, f"{X}type_create", body=b.CREATE_TYPE, status=200),
    Route("GET", T, types.show, f"{X}type_get"),
    Route("PUT", T, types.update, f"{X}type_update", body=b.UPDATE_TYPE),
    Route("DELETE", T, types.delete, f"{X}type_delete", status=202),
    Route("GET", f"{T}/encryption", types.encryption, f"{X}volume_type_encryption:get"),
    Route("GET", f"{T}/extra_specs", types.specs, f"{X}types_extra_specs:index"),
    Route("POST", f"{T}/extra_specs", types.add_specs, f"{X}types_extra_specs:create", body=b.CREATE_SPECS, status=200),
    Route("GET", f"{T}/extra_specs/{{key}}", types.spec, f"{X}types_extra_specs:show"),
    Route("PUT", f"{T}/extra_specs/{{key}}", types.set_spec, f"{X}types_extra_specs:update", body=b.UPDATE_SPEC),
    Route("DELETE", f"{T}/extra_specs/{{key}}", types.delete_spec, f"{X}types_extra_specs:delete", status=202),
    Route("GET", f"{T}/os-volume-type-access", types.access, f"{X}volume_type_access:get_all_for_type"),
    Route("POST", f"{T}/action", types.add_access, f"{X}volume_type_access:add", action="addProjectAccess", body=b.ADD_ACCESS, status=202),
    Route("POST", f"{T}/action", types.remove_access, f"{X}volume_type_access:remove", action="removeProjectAccess",
          body=b.REMOVE_ACCESS, status=202),

    Route("GET", "/volumes", volumes.index, "volume:get_all"),
    Route("GET", "/volumes/detail", volumes.detail, "volume:get_all"),
    Route("GET", "/volumes/summary", volumes.summary, "volume:get_all", first="3.12"),
    Route("POST", "/volumes", volumes.create, "volume:create", body=b.CREATE_VOLUME, status=202),
    Route("GET", V, volumes.show, checked=True),
    Route("PUT", V, volumes.update, checked=True, body=b.UPDATE_VOLUME),
    Route("DELETE", V, volumes.delete, checked=True, status=202),
    Route("GET", f"{V}/metadata", volumes.metadata, checked=True),
    Route("POST", f"{V}/metadata", volumes.add_metadata, checked=True, body=b.SET_METADATA, status=200),
    Route("PUT", f"{V}/metadata", volumes.set_metadata, checked=True, body=b.SET_METADATA),
    Route("GET", f"{V}/metadata/{{key}}", volumes.meta, checked=True),
    Route("PUT", f"{V}/metadata/{{key}}", volumes.set_meta, checked=True, body=b.SET_META),
    Route("DELETE", f"{V}/metadata/{{key}}", volumes.delete_meta, checked=True, status=200),

    Route("POST", f"{V}/action", actions.extend, checked=True, action="os-extend", body=b.EXTEND, status=202),
    Route("POST", f"{V}/action", actions.reset_status, checked=True, action="os-reset_status", body=b.RESET, status=202),
    Route("POST", f"{V}/action", actions.set_bootable, checked=True, action="os-set_bootable", body=b.SET_BOOTABLE, status=200),
    Route("POST", f"{V}/action", actions.readonly, checked=True, action="os-update_readonly_flag", body=b.READONLY, status=202),
    Route("POST", f"{V}/action", actions.force_delete, checked=True, action="os-force_delete", status=202),
    Route("POST", f"{V}/action", actions.reserve, checked=True, action="os-reserve", status=202),
    Route("POST", f"{V}/action", actions.unreserve, checked=True, action="os-unreserve", status=202),
    Route("POST", f"{V}/action", actions.begin_detaching, checked=True, action="os-begin_detaching", status=202),
    Route("POST", f"{V}/action", actions.roll_detaching, checked=True, action="os-roll_detaching", status=202),
    Route("POST", f"{V}/action", actions.attach, checked=True, action="os-attach", body=b.ATTACH, status=202),
    Route("POST", f"{V}/action", actions.detach, checked=True, action="os-detach", body=b.DETACH, status=202),
    Route("POST", f"{V}/action", actions.force_detach, checked=True, action="os-force_detach", body=b.FORCE_DETACH, status=202),
    Route("POST", f"{V}/action", actions.initialize_connection, checked=True, action="os-initialize_connection",
          body=b.INITIALIZE, status=200),
    Route("POST", f"{V}/action", actions.terminate_connection, checked=True, action="os-terminate_connection",
          body=b.TERMINATE, status=202),
    Route("POST", f"{V}/action", actions.upload, checked=True, action="os-volume_upload_image", body=b.UPLOAD, status=202),
    Route("POST", f"{V}/action", actions.retype, checked=True, action="os-retype", body=b.RETYPE, status=202),
    Route("POST", f"{V}/action", actions.show_image_metadata, checked=True, action="os-show_image_metadata", status=200),
    Route("POST", f"{V}/action", actions.set_image_metadata, checked=True, action="os-set_image_metadata",
          body=b.SET_IMAGE_METADATA, status=200),
    Route("POST", f"{V}/action", actions.unset_image_metadata, checked=True, action="os-unset_image_metadata",
          body=b.UNSET_IMAGE_METADATA, status=200),

    Route("GET", "/snapshots", snapshots.index, "volume:get_all_snapshots"),
    Route("GET", "/snapshots/detail", snapshots.detail, "volume:get_all_snapshots"),
    Route("POST", "/snapshots", snapshots.create, checked=True, body=b.CREATE_SNAPSHOT, status=202),
    Route("GET", S, snapshots.show, checked=True),
    Route("PUT", S, snapshots.update, checked=True, body=b.UPDATE_SNAPSHOT),
    Route("DELETE", S, snapshots.delete, checked=True, status=202),
    Route("GET", f"{S}/metadata", snapshots.metadata, checked=True),
    Route("POST", f"{S}/metadata", snapshots.add_metadata, checked=True, body=b.SET_METADATA, status=200),
    Route("PUT", f"{S}/metadata", snapshots.set_metadata, checked=True, body=b.SET_METADATA),
    Route("GET", f"{S}/metadata/{{key}}", snapshots.meta, checked=True),
    Route("PUT", f"{S}/metadata/{{key}}", snapshots.set_meta, checked=True, body=b.SET_META),
    Route("DELETE", f"{S}/metadata/{{key}}", snapshots.delete_meta, checked=True, status=200),
    Route("POST", f"{S}/action", snapshots.reset_status, checked=True, action="os-reset_status", body=b.SNAPSHOT_RESET, status=202),
    Route("POST", f"{S}/action", snapshots.update_status, checked=True, action="os-update_snapshot_status",
          body=b.SNAPSHOT_STATUS, status=202),
    Route("POST", f"{S}/action", snapshots.force_delete, checked=True, action="os-force_delete", status=202),

    Route("GET", "/attachments", attachments.index, checked=True, first="3.27"),
    Route("GET", "/attachments/detail", attachments.detail, checked=True, first="3.27"),
    Route("POST", "/attachments", attachments.create, checked=True, body=b.CREATE_ATTACHMENT, status=200, first="3.27"),
    Route("GET", A, attachments.show, checked=True, first="3.27"),
    Route("PUT", A, attachments.update, checked=True, body=b.UPDATE_ATTACHMENT, first="3.27"),
    Route("DELETE", A, attachments.delete, checked=True, status=200, first="3.27"),
    Route("POST", f"{A}/action", attachments.complete, checked=True, action="os-complete", status=204, first="3.44"),

    *_transfers("/os-volume-transfer", "3.0", b.CREATE_TRANSFER),
    *_transfers("/volume-transfers", "3.55", b.CREATE_VOLUME_TRANSFER),

    Route("GET", "/os-quota-sets/{id}", quotas.show, checked=True),
    Route("GET", "/os-quota-sets/{id}/defaults", quotas.defaults, checked=True),
    Route("PUT", "/os-quota-sets/{id}", quotas.update, f"{X}quotas:update", body=b.QUOTA_SET),
    Route("DELETE", "/os-quota-sets/{id}", quotas.delete, f"{X}quotas:delete", status=200),
    Route("GET", "/os-quota-class-sets/{name}", quotas.show_class, f"{X}quota_classes:get"),
    Route("PUT", "/os-quota-class-sets/{name}", quotas.update_class, f"{X}quota_classes:update", body=b.QUOTA_CLASS_SET),
    Route("GET", "/limits", quotas.limits, "limits_extension:used_limits"),

    Route("GET", "/os-services", info.services, f"{X}services:index"),
    Route("PUT", "/os-services/enable", info.enable, f"{X}services:update", body=b.SERVICE),
    Route("PUT", "/os-services/disable", info.disable, f"{X}services:update", body=b.SERVICE),
    Route("PUT", "/os-services/disable-log-reason", info.disable_with_reason, f"{X}services:update", body=b.DISABLE_SERVICE),
    Route("GET", "/scheduler-stats/get_pools", info.pools, "scheduler_extension:scheduler_stats:get_pools"),
    Route("GET", "/capabilities/{host}", info.capabilities, f"{X}capabilities"),
    Route("GET", "/os-hosts", info.hosts, f"{X}hosts"),
    Route("GET", "/os-hosts/{host}", info.host, f"{X}hosts"),
    Route("GET", "/os-availability-zone", info.zones, "volume:availability_zone_list"),
]
# fmt: on
