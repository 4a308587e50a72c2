"""Every operation of the Placement API, in the reference's order. Not here: the reshaper."""

from tinstack.core.http import Route, since
from tinstack.placement.handlers import allocations, inventories, names, providers
from tinstack.placement.schemas import allocations as sold
from tinstack.placement.schemas import inventories as stock
from tinstack.placement.schemas import providers as schemas

RP = "/resource_providers"
ONE = f"{RP}/{{id}}"
P = "placement:"

# fmt: off
ROUTES = [
    Route("GET", "/", providers.versions, public=True),

    Route("GET", RP, providers.index, f"{P}resource_providers:list", query=schemas.LIST),
    Route("POST", RP, providers.create, f"{P}resource_providers:create", body=schemas.CREATE, status=since("1.0", 201, "1.20", 200)),
    Route("GET", ONE, providers.show, f"{P}resource_providers:show"),
    Route("PUT", ONE, providers.update, f"{P}resource_providers:update", body=schemas.UPDATE),
    Route("DELETE", ONE, providers.delete, f"{P}resource_providers:delete"),

    Route("GET", "/resource_classes", names.list_classes, f"{P}resource_classes:list", first="1.2"),
    Route("POST", "/resource_classes", names.create_class, f"{P}resource_classes:create", body=schemas.CLASS, first="1.2"),
    Route("GET", "/resource_classes/{name}", names.show_class, f"{P}resource_classes:show", first="1.2"),
    Route("PUT", "/resource_classes/{name}", names.put_class, f"{P}resource_classes:update", status=201, first="1.7"),
    Route("DELETE", "/resource_classes/{name}", names.delete_class, f"{P}resource_classes:delete", first="1.2"),

    Route("GET", f"{ONE}/inventories", inventories.index, f"{P}resource_providers:inventories:list"),
    Route("POST", f"{ONE}/inventories", inventories.create, f"{P}resource_providers:inventories:create", body=stock.ADD),
    Route("PUT", f"{ONE}/inventories", inventories.replace, f"{P}resource_providers:inventories:update", body=stock.REPLACE),
    Route("DELETE", f"{ONE}/inventories", inventories.delete_all, f"{P}resource_providers:inventories:delete", first="1.5"),
    Route("GET", f"{ONE}/inventories/{{name}}", inventories.show, f"{P}resource_providers:inventories:show"),
    Route("PUT", f"{ONE}/inventories/{{name}}", inventories.update, f"{P}resource_providers:inventories:update", body=stock.SET),
    Route("DELETE", f"{ONE}/inventories/{{name}}", inventories.delete, f"{P}resource_providers:inventories:delete"),

    Route("GET", f"{ONE}/usages", inventories.usages, f"{P}resource_providers:usages"),
    Route("GET", f"{ONE}/aggregates", names.aggregates, f"{P}resource_providers:aggregates:list", first="1.1"),
    Route("PUT", f"{ONE}/aggregates", names.set_aggregates, f"{P}resource_providers:aggregates:update",
          body=schemas.AGGREGATES, first="1.1"),

    Route("GET", "/traits", names.list_traits, f"{P}traits:list", query=schemas.TRAITS_QUERY, first="1.6"),
    Route("GET", "/traits/{name}", names.show_trait, f"{P}traits:show", status=204, first="1.6"),
    Route("PUT", "/traits/{name}", names.put_trait, f"{P}traits:update", status=201, first="1.6"),
    Route("DELETE", "/traits/{name}", names.delete_trait, f"{P}traits:delete", first="1.6"),
    Route("GET", f"{ONE}/traits", names.provider_traits, f"{P}resource_providers:traits:list", first="1.6"),
    Route("PUT", f"{ONE}/traits", names.set_provider_traits, f"{P}resource_providers:traits:update", body=schemas.TRAITS, first="1.6"),
    Route("DELETE", f"{ONE}/traits", names.clear_provider_traits, f"{P}resource_providers:traits:delete", first="1.6"),

    Route("POST", "/allocations", allocations.post, f"{P}allocations:manage", body=sold.POST, status=204, first="1.13"),
    Route("GET", "/allocations/{id}", allocations.show, f"{P}allocations:list"),
    Route("PUT", "/allocations/{id}", allocations.put, f"{P}allocations:update", body=sold.PUT, status=204),
    Route("DELETE", "/allocations/{id}", allocations.delete, f"{P}allocations:delete"),
    Route("GET", f"{ONE}/allocations", inventories.allocations, f"{P}resource_providers:allocations:list"),

    Route("GET", "/usages", allocations.usages, checked=True, query=sold.USAGES, first="1.9"),
    Route("GET", "/allocation_candidates", allocations.list_candidates, f"{P}allocation_candidates:list",
          query=schemas.CANDIDATES, first="1.10"),
]
# fmt: on
