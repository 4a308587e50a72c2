"""Default rules, by upstream's names. Source: glance's policy reference. What may be *seen* is decided with the row (404)."""

_OWN = "rule:project_member_or_admin"
_READ = "rule:admin_or_service or (role:reader and (project_id:%(project_id)s or project_id:%(member_id)s or "
_SEEN = _READ + "'public':%(visibility)s or 'community':%(visibility)s or 'shared':%(visibility)s))"
_METADEF = "rule:admin_required or (role:reader and (project_id:%(project_id)s or 'public':%(visibility)s))"

DEFAULTS = {
    "default": "rule:admin_required",
    "context_is_admin": "rule:admin_required",
    "add_image": _OWN,
    "delete_image": "rule:project_member_or_service",
    "get_image": _SEEN,
    "get_images": "rule:admin_or_service or role:reader",
    "modify_image": _OWN,
    "publicize_image": "rule:admin_required",
    "communitize_image": _OWN,
    "download_image": "rule:admin_or_service or (role:member and (project_id:%(project_id)s or project_id:%(member_id)s or "
    "'public':%(visibility)s or 'community':%(visibility)s or 'shared':%(visibility)s))",
    "upload_image": "rule:project_member_or_service",
    "deactivate": _OWN,
    "reactivate": _OWN,
    "get_member": "rule:admin_or_service or (role:reader and (project_id:%(project_id)s or project_id:%(member_id)s))",
    "get_members": "rule:admin_or_service or (role:reader and (project_id:%(project_id)s or project_id:%(member_id)s))",
    "add_member": _OWN,
    "delete_member": _OWN,
    "modify_member": "rule:admin_required or (role:member and project_id:%(member_id)s)",
    "copy_image": "rule:admin_required",
    "delete_image_location": "rule:admin_required",
    "tasks_api_access": "rule:admin_required",
    "stores_info_detail": "rule:admin_required",
    # metadata definitions
    "metadef_default": "",
    "metadef_admin": "rule:admin_required",
    **{f"get_metadef_{noun}": _METADEF for noun in ("namespace", "object", "objects", "resource_type", "tag", "tags")},
    "get_metadef_namespaces": "rule:admin_required or role:reader",
    "get_metadef_property": _METADEF,
    "get_metadef_properties": _METADEF,
    "list_metadef_resource_types": "rule:admin_required or role:reader",
    **{
        f"{verb}_metadef_{noun}": "rule:metadef_admin"
        for noun in ("namespace", "object", "property", "tag")
        for verb in ("add", "modify", "remove" if noun == "property" else "delete")
    },
    "add_metadef_tags": "rule:metadef_admin",
    "delete_metadef_tags": "rule:metadef_admin",
    "add_metadef_resource_type_association": "rule:metadef_admin",
    "remove_metadef_resource_type_association": "rule:metadef_admin",
}

_WORDS = {"default", "context_is_admin", "metadef_default", "metadef_admin"}
SCOPES = {rule: frozenset({"project"}) for rule in DEFAULTS if rule not in _WORDS}
"""The scopes of tokens that upstream's rules are for: images belong to projects, and so does who works with them."""
