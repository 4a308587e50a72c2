"""What guests run on: KVM, where a guest really runs on it; else QEMU's emulation.

A /dev/kvm that opens is no proof: some are paravirtual variants on which a real-mode loop runs and Linux does not. So a
processor without the flags is out, and the rest must run a boot sector to its end on a real PC with a VGA.
"""

import logging
import re
import subprocess
import tempfile
from pathlib import Path

from tinstack.compute.drivers.interface import DriverError

log = logging.getLogger(__name__)

SECONDS = 5.0
BOOT_SECTOR = bytes((0xB0, 0x10, 0xE6, 0xF4, 0xF4)).ljust(510, b"\0") + b"\x55\xaa"
"""``mov al, 0x10; out 0xf4, al; hlt``: isa-debug-exit ends QEMU with 0x10 * 2 + 1."""
RAN = 33


def virt_type(wanted: str, *, cpuinfo: Path = Path("/proc/cpuinfo"), device: Path = Path("/dev/kvm")) -> str:
    """``kvm`` or ``qemu``; ``wanted``: one of these or ``auto``. Raises DriverError for another word."""
    if wanted in ("kvm", "qemu"):
        return wanted
    if wanted != "auto":
        raise DriverError(f"There is no virt_type '{wanted}'; there are: auto, kvm, qemu.")
    found, why = _found(cpuinfo, device)
    log.info("guests run on %s: %s", found, why)
    return found


def _found(cpuinfo: Path, device: Path) -> tuple[str, str]:
    if not re.search(r"^flags\b.* (vmx|svm)( |$)", cpuinfo.read_text(), re.MULTILINE):
        return "qemu", "the processor's flags have neither vmx nor svm"
    if not device.is_char_device():
        return "qemu", f"there is no {device}"
    if not runs("kvm"):
        return "qemu", "a boot sector does not run on KVM to its end"
    return "kvm", "a boot sector ran on KVM to its end"


def runs(accelerator: str) -> bool:
    """Whether a boot sector runs to its end on that accelerator (``kvm``, ``tcg``)."""
    machine = ["-accel", accelerator, "-m", "32", "-nodefaults", "-vga", "std", "-display", "none"]
    leave = ["-device", "isa-debug-exit,iobase=0xf4,iosize=1"]
    with tempfile.NamedTemporaryFile(suffix=".img") as sector:
        sector.write(BOOT_SECTOR)
        sector.flush()
        disk = ["-drive", f"file={sector.name},format=raw,if=ide,snapshot=on"]
        try:
            ended = subprocess.run(
                ["qemu-system-x86_64", *machine, *leave, *disk],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
    return ended.returncode == RAN
