"""Default rules, by upstream's names. Source: placement's policy reference."""

_PRIVILEGED = "rule:admin_or_service"

_NAMES = """
resource_providers:list resource_providers:create resource_providers:show resource_providers:update
resource_providers:delete resource_classes:list resource_classes:create resource_classes:show resource_classes:update
resource_classes:delete resource_providers:inventories:list resource_providers:inventories:create
resource_providers:inventories:show resource_providers:inventories:update resource_providers:inventories:delete
resource_providers:aggregates:list resource_providers:aggregates:update resource_providers:usages traits:list traits:show
traits:update traits:delete resource_providers:traits:list resource_providers:traits:update
resource_providers:traits:delete allocations:manage allocations:list allocations:update allocations:delete
resource_providers:allocations:list allocation_candidates:list
"""

DEFAULTS = {
    **{f"placement:{name}": _PRIVILEGED for name in _NAMES.split()},
    "placement:usages": "rule:project_reader or rule:admin_or_service",
}
