"""What routers refuse, as Neutron words it."""

from tinstack.core.errors import BadRequest, Conflict, NotFound


class BadRouterRequest(BadRequest):
    """400: as Neutron words it."""

    code, message = "network.router.bad_request", "Bad router request: {msg}."


class RouterInUse(Conflict):
    code, message = "network.router.in_use", "Router {router_id} still has ports"


class RouterExternalGatewayInUseByFloatingIp(Conflict):
    code = "network.router.gateway_in_use"
    message = (
        "Gateway cannot be updated for router {router_id}, since a gateway to external network {net_id} is "
        "required by one or more floating IPs."
    )


class RouterInterfaceInUseByFloatingIP(Conflict):
    code = "network.router.interface_floating"
    message = (
        "Router interface for subnet {subnet_id} on router {router_id} cannot be deleted, as it is "
        "required by one or more floating IPs."
    )


class RouterInterfaceInUseByRoute(Conflict):
    code = "network.router.interface_route"
    message = (
        "Router interface for subnet {subnet_id} on router {router_id} cannot be deleted, as it is "
        "required by one or more routes."
    )


class RouterInterfaceNotFound(NotFound):
    code, message = "network.router.no_interface", "Router {router_id} does not have an interface with id {port_id}"


class RouterInterfaceNotFoundForSubnet(NotFound):
    code = "network.router.no_interface_subnet"
    message = "Router {router_id} has no interface on subnet {subnet_id}"


class SubnetMismatchForPort(BadRequest):
    code = "network.router.mismatch"
    message = "Subnet on port {port_id} does not match the requested subnet {subnet_id}"


class PortInUse(Conflict):
    code = "network.port.in_use"
    message = (
        "Unable to complete operation on port {port_id} for network {net_id}. The port already has an "
        "attached device {device_id}."
    )


class InvalidRoutes(BadRequest):
    code, message = "network.router.routes", "Invalid format for routes: {routes}, {reason}"
