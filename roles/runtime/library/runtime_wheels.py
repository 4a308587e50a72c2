#!/usr/bin/python
"""Ansible module: what hosts install of Python, as files of the machine that deploys."""

import hashlib
import importlib.util
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: runtime_wheels
short_description: Have the wheels of a lock file, and our own, in a cache
description:
  - Locked wheels are downloaded once for each lock file and Python version, with their hashes checked, into one tar archive.
  - Our own wheel has a hash of its sources in its version, so that the same sources always make the same name.
options:
  source: {description: The directory of our own package with its lock file., type: path, required: true}
  cache: {description: Where archive and wheel are kept., type: path, required: true}
  python_versions: {description: The Pythons of the hosts., type: list, elements: str, required: true}
"""

EXAMPLES = r"""
- name: Have the wheels
  runtime_wheels: {source: pyruntime, cache: /root/.cache/tinstack/wheels, python_versions: ["3.11"]}
"""

RETURN = r"""
locked: {description: "By Python version, the archive of the locked wheels.", type: dict, returned: always}
own: {description: Our own wheel., type: str, returned: always}
"""

# The C libraries that hosts have: Debian 12 has glibc 2.36. pip takes no "or newer" here.
PLATFORMS = ["manylinux2014_x86_64", *(f"manylinux_2_{minor}_x86_64" for minor in range(17, 37))]

KEPT_SECONDS = 86400
"""How long a wheel stays after other sources were built."""

BUILD = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"


class BuildError(Exception):
    """A wheel can't be had; the message is the tool's own."""


def run(argv: list[str], folder: Path) -> None:
    """A command that must succeed."""
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise BuildError(f"{' '.join(argv[:4])} …: {(done.stderr or done.stdout).strip()}")


def pip() -> list[str]:
    """This environment's pip, or, as those that uv makes have none, the one that uv gets."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    beside = Path(sys.executable).parent / "uv"
    return [str(beside if beside.exists() else "uv"), "tool", "run", "pip"]


def digest(folder: Path, files: list[Path]) -> str:
    """Twelve digits that change with any name or content."""
    total = hashlib.sha256()
    for file in sorted(files):
        total.update(f"{file.relative_to(folder)}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()[:12]


def sources(folder: Path) -> list[Path]:
    """What our own wheel is made of."""
    package = [file for file in (folder / "tinstack").rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    return [*package, folder / "pyproject.toml", folder / "requirements.in"]


def download(lock: Path, python_version: str, archive: Path) -> None:
    """All wheels of the lock file, hashes checked, in one archive."""
    with tempfile.TemporaryDirectory(dir=archive.parent) as work:
        wheels = Path(work) / "wheels"
        options = ["--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps", "--only-binary=:all:"]
        target = [
            f"--python-version={python_version}",
            "--implementation=cp",
            *(f"--platform={name}" for name in PLATFORMS),
        ]
        run([*pip(), "download", *options, *target, f"--dest={wheels}", f"--requirement={lock}"], archive.parent)
        half = Path(work) / archive.name
        with tarfile.open(half, "w") as tar:
            for wheel in sorted(wheels.iterdir()):
                tar.add(wheel, wheel.name)
        half.rename(archive)


def build(folder: Path, files: list[Path], version: str, wheel: Path) -> None:
    """Our own wheel, from a copy whose version names its content."""
    with tempfile.TemporaryDirectory(dir=wheel.parent) as work:
        copy = Path(work) / "source"
        for file in files:
            target = copy / file.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
        project = copy / "pyproject.toml"
        project.write_text(re.sub(r'(?m)^version = ".*"$', f'version = "{version}"', project.read_text()))
        run([sys.executable, "-c", BUILD, work], copy)
        for old in wheel.parent.glob("tinstack-*.whl"):
            # A younger one may be on its way to the hosts of another lab.
            if time.time() - old.stat().st_mtime > KEPT_SECONDS:
                old.unlink(missing_ok=True)
        (Path(work) / wheel.name).rename(wheel)


def main() -> None:
    """Name what is wanted, and make what is missing."""
    module = AnsibleModule(
        argument_spec={
            "source": {"type": "path", "required": True},
            "cache": {"type": "path", "required": True},
            "python_versions": {"type": "list", "elements": "str", "required": True},
        },
        supports_check_mode=True,
    )
    source, cache = Path(module.params["source"]), Path(module.params["cache"])
    lock = source / "requirements.lock"
    files = sources(source)
    project = tomllib.loads((source / "pyproject.toml").read_text())["project"]
    version = f"{project['version']}+{digest(source, files)}"
    archives = {
        python_version: cache / f"locked-{digest(source, [lock])}-py{python_version}.tar"
        for python_version in module.params["python_versions"]
    }
    wheel = cache / f"tinstack-{version}-py3-none-any.whl"
    changed = not all(file.exists() for file in (*archives.values(), wheel))
    try:
        if not module.check_mode:
            cache.mkdir(parents=True, exist_ok=True)
            for python_version, archive in archives.items():
                if not archive.exists():
                    download(lock, python_version, archive)
            if wheel.exists():
                wheel.touch()
            else:
                build(source, files, version, wheel)
    except (BuildError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed, locked={key: str(archive) for key, archive in archives.items()}, own=str(wheel))


if __name__ == "__main__":
    main()
