"""`clouds.yaml`, as openstacksdk and the openstack client read it. tinstack writes JSON, which is YAML too and needs no library here.

Source: openstacksdk, "Configuring OpenStack SDK Applications".
"""

from pathlib import Path

import msgspec

from tinstack.lab.words import LabError

MEMBER, ADMIN = "tinstack", "tinstack-admin"


class Auth(msgspec.Struct):
    """Who one is to identity: a password of a user in a domain, and the scope that is wanted."""

    auth_url: str
    username: str
    password: str
    user_domain_name: str = "Default"
    project_name: str | None = None
    project_domain_name: str = "Default"
    system_scope: str | None = None


class Cloud(msgspec.Struct):
    """One entry of `clouds`."""

    auth: Auth
    region_name: str | None = None
    cacert: str | None = None
    interface: str = "public"


class Clouds(msgspec.Struct):
    clouds: dict[str, Cloud]


def read_all(path: Path) -> dict[str, Cloud]:
    """All clouds of the file, or a sentence that says why there are none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Clouds).clouds
    except FileNotFoundError:
        raise LabError(f"{path} is not there: the lab is not ready. Make it with `./lab up` or `./lab dev`.") from None
    except msgspec.DecodeError as error:
        raise LabError(f"{path} is not what ./lab wrote there: {error}.") from None


def read(path: Path, name: str) -> Cloud:
    """The cloud of that name, or a sentence that says why there is none."""
    clouds = read_all(path)
    if name not in clouds:
        raise LabError(f"{path} knows no cloud '{name}', only: {', '.join(sorted(clouds))}.")
    return clouds[name]
