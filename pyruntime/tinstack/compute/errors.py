"""What can go wrong on a host, with the step of the flow and whether another host could do better."""

from tinstack.core.client import RemoteError
from tinstack.core.errors import ApiError, Unavailable


class StepFailed(ApiError):
    """A step of an operation failed; ``elsewhere``: it may work on another host. ``refused``: another service's status."""

    code = "compute.step_failed"

    def __init__(self, step: int, reason: str, *, elsewhere: bool, refused: int = 500) -> None:
        super().__init__(reason)
        self.step, self.elsewhere, self.refused = step, elsewhere, refused


class ImageCorrupt(ApiError):
    """What was downloaded is not what the image service has registered."""

    code = "compute.image_corrupt"
    message = "The image {id} arrived with checksum {got}, but {wanted} is registered."


class VifPlugTimeout(ApiError):
    """The network agent did not say that the port is wired."""

    code = "compute.vif_plug_timeout"
    message = "The network did not wire port {port} within {seconds:g} s."


class BindingFailed(Unavailable):
    """No network agent has reported from this host, or it is not wired to the network's physical network."""

    code = "compute.binding_failed"
    message = "Port {port} can't be bound to host {host}: the network service knows no agent there that is wired to its network."


def failed(step: int, error: Exception, *, elsewhere: bool) -> StepFailed:
    """``error`` at ``step``. A refusal by another service (status below 500) would be the same from every host."""
    if isinstance(error, StepFailed):
        return error
    refused = 500
    if isinstance(error, RemoteError) and error.remote_status < 500:
        elsewhere, refused = False, error.remote_status
    if isinstance(error, Unavailable):
        elsewhere = True
    reason = error.text if isinstance(error, ApiError) else f"{type(error).__name__}: {error}"
    return StepFailed(step, reason, elsewhere=elsewhere, refused=refused)


class VolumesRefused(ApiError):
    """A volume that a disk was to be made as can't be had."""

    code = "compute.volumes_refused"


class LeaseLost(ApiError):
    """The conductor gave the operation to another owner, or it is over: stop, and leave the rest to them."""

    code = "compute.lease_lost"
    message = "The operation {id} is not this host's any more."
