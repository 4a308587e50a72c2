"""Extra specs of flavors as 2.86 checks them: names in namespaces that are known, and their values.

Source: Nova's "Extra Specs" reference. What is in no known namespace is the operator's own and not looked at.
"""

import re

import msgspec

from tinstack.api.errors import Invalid

TRUE_OR_FALSE = r"(?i)(1|t|true|on|y|yes|0|f|false|off|n|no)"
INTEGER, NUMBER, TEXT, SIZE = r"-?\d+", r"-?\d+(\.\d+)?", r"(?s).*", r"\d+"
CPUS = r"\^?\d+(-\d+)?(\s*,\s*\^?\d+(-\d+)?)*"


class Spec(msgspec.Struct, frozen=True):
    """``name`` and ``value``: patterns of the whole; ``least``/``most``: bounds of a number."""

    name: str
    value: str
    least: int | None = None
    most: int | None = None


def _one_of(*values: str) -> str:
    return "|".join(re.escape(value) for value in values)


_QUOTAS = (
    "cpu_shares cpu_period cpu_quota disk_read_bytes_sec disk_read_iops_sec disk_write_bytes_sec disk_write_iops_sec "
)
_QUOTAS += "disk_total_bytes_sec disk_total_iops_sec vif_inbound_average vif_inbound_peak vif_inbound_burst "
_QUOTAS += "vif_outbound_average vif_outbound_peak vif_outbound_burst cpu_limit cpu_reservation cpu_shares_share "
_QUOTAS += "memory_limit memory_reservation memory_shares_share disk_io_limit disk_io_reservation disk_io_shares_share "
_QUOTAS += "vif_limit vif_reservation vif_shares_share"
_LEVELS = {"cpu_shares_level", "memory_shares_level", "disk_io_shares_level", "vif_shares_level"}

SPECS: tuple[Spec, ...] = (
    Spec("hw:boot_menu", TRUE_OR_FALSE),
    Spec("hw:cpu_cores", SIZE, 1),
    Spec("hw:cpu_dedicated_mask", CPUS),
    Spec("hw:cpu_max_cores", SIZE, 1),
    Spec("hw:cpu_max_sockets", SIZE, 1),
    Spec("hw:cpu_max_threads", SIZE, 1),
    Spec("hw:cpu_policy", _one_of("dedicated", "shared", "mixed")),
    Spec("hw:cpu_realtime", TRUE_OR_FALSE),
    Spec("hw:cpu_realtime_mask", CPUS),
    Spec("hw:cpu_sockets", SIZE, 1),
    Spec("hw:cpu_thread_policy", _one_of("prefer", "isolate", "require")),
    Spec("hw:cpu_threads", SIZE, 1),
    Spec("hw:emulator_threads_policy", _one_of("isolate", "share")),
    Spec("hw:ephemeral_encryption", TRUE_OR_FALSE),
    Spec("hw:ephemeral_encryption_format", "luks"),
    Spec("hw:hide_hypervisor_id", TRUE_OR_FALSE),
    Spec("hw:input_bus", _one_of("usb", "virtio")),
    Spec("hw:live_migration_[a-z_]+", TEXT),
    Spec("hw:locked_memory", TRUE_OR_FALSE),
    Spec("hw:maxphysaddr_bits", SIZE, 0),
    Spec("hw:maxphysaddr_mode", _one_of("passthrough", "emulate")),
    Spec("hw:mem_encryption", TRUE_OR_FALSE),
    Spec("hw:mem_page_size", r"large|small|any|\d+([kKMGT]([iI]?[bB](it)?)?)?"),
    Spec("hw:numa_cpus\\.\\d+", CPUS),
    Spec("hw:numa_mem\\.\\d+", SIZE, 1),
    Spec("hw:numa_nodes", SIZE, 1),
    Spec("hw:pci_numa_affinity_policy", _one_of("required", "preferred", "legacy", "socket")),
    Spec("hw:pmu", TRUE_OR_FALSE),
    Spec("hw:pmem", TEXT),
    Spec("hw:serial_port_count", SIZE, 0),
    Spec("hw:tpm_model", _one_of("tpm-tis", "tpm-crb")),
    Spec("hw:tpm_version", _one_of("1.2", "2.0")),
    Spec("hw:vif_multiqueue_enabled", TRUE_OR_FALSE),
    Spec("hw:viommu_model", _one_of("intel", "smmuv3", "virtio", "auto")),
    Spec("hw:virtio_packed_ring", TRUE_OR_FALSE),
    Spec("hw:watchdog_action", _one_of("none", "pause", "poweroff", "reset", "disabled")),
    Spec("hw_rng:allowed", TRUE_OR_FALSE),
    Spec("hw_rng:rate_bytes", SIZE, 0),
    Spec("hw_rng:rate_period", SIZE, 0),
    Spec("hw_video:ram_max_mb", SIZE, 0),
    Spec("os:monitors", SIZE, 1, 8),
    Spec("os:resolution", TEXT),
    Spec("os:secure_boot", _one_of("disabled", "required", "optional")),
    Spec("os:vram", r"64|128|256|512|1024"),
    Spec("pci_passthrough:alias", r"[^:]+:\d+(,[^:]+:\d+)*"),
    *(Spec(f"quota:{name}", INTEGER) for name in _QUOTAS.split()),
    *(Spec(f"quota:{name}", _one_of("custom", "high", "normal", "low")) for name in sorted(_LEVELS)),
    Spec(r"resources[a-zA-Z0-9_-]*:[A-Z0-9_]+", SIZE, 0),
    Spec(r"trait[a-zA-Z0-9_-]*:[A-Z0-9_]+", _one_of("required", "forbidden")),
    Spec("group_policy", _one_of("isolate", "none")),
    Spec("accel:device_profile", TEXT),
    Spec("hide_hypervisor_id", TRUE_OR_FALSE),
)
_NAMESPACES = re.compile("hw|hw_rng|hw_video|os|pci_passthrough|quota|(resources|trait)[a-zA-Z0-9_-]*|accel")


def check(specs: dict[str, str]) -> None:
    """Raises Invalid for the first that is none."""
    for name, value in specs.items():
        _check(name, value)


def _check(name: str, value: str) -> None:
    spec = next((one for one in SPECS if re.fullmatch(one.name, name)), None)
    if spec is None:
        namespace, colon, _ = name.partition(":")
        if colon and _NAMESPACES.fullmatch(namespace):
            raise Invalid(f"Validation failed; extra spec '{name}' does not appear to be a valid extra spec.")
        return
    good = re.fullmatch(spec.value, value) is not None
    if good and (spec.least is not None or spec.most is not None):
        number = int(value) if len(value) < 20 else 1 << 64
        good = (spec.least is None or number >= spec.least) and (spec.most is None or number <= spec.most)
    if not good:
        raise Invalid(f"Validation failed; '{value}' is not a valid value for extra spec '{name}'.")
