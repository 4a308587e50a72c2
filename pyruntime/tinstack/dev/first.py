"""What a split cloud's databases hold before its services start, in a process that has loaded what that takes."""

import sys
from pathlib import Path

import msgspec

from tinstack.core.errors import ApiError
from tinstack.dev import configs
from tinstack.dev.cloud import Cloud
from tinstack.dev.fleet import Rig


def main(file: str, fresh: bool) -> int:
    """Databases at this version (where they are not fresh), and identity's first content; the exit code, the reason on standard
    error. ``file``: the rig's document."""
    from tinstack.identity import bootstrap  # who starts this process has no need of it

    rig = msgspec.json.decode(Path(file).read_bytes(), type=Rig)
    cloud = Cloud(Path(rig.state), rig.ports, len(rig.hosts), rig.places)
    try:
        if not fresh:
            cloud.prepare_databases()
        config = configs.build("identity", cloud.state, cloud.ports, cloud.secrets, cloud.places, tuning=rig.tuning)
        bootstrap.run(config, msgspec.json.encode(cloud.first_identity()).decode())
    except ApiError as error:
        print(error.text, file=sys.stderr)
        return 1
    return 0
