"""What a host says of itself for `verify --security`: who listens and how, whose files are whose, what units may do, how long
certificates hold, accounts without a password. Looks only."""

import grp
import json
import os
import pwd
import re
import socket
import ssl
import stat
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tinstack.lab.onhost.commands import output

TREES = ("/etc/tinstack", "/var/log/tinstack")
"""Looked at whole."""

FOLDERS = ("/var/lib/tinstack", "/etc/systemd/system")
"""What of ours is right in them."""

FILES = (
    "/etc/mysql/tinstack.sql",
    "/etc/rabbitmq/definitions.json",
    "/etc/libvirt/qemu.conf",
    "/etc/haproxy/haproxy.cfg",
    "/run/libvirt/libvirt-sock",
    "/run/haproxy/admin.sock",
)
CERTIFICATES = ("/etc/tinstack/tls/host.pem", "/etc/tinstack/tls/ca.pem")
AUTHORITY = CERTIFICATES[1]
SECONDS = 3.0
COMMAND_SECONDS = 10.0

ACCOUNTS = """select User, Host from mysql.user where Host not in ('localhost', '127.0.0.1', '::1')
and coalesce(authentication_string, '') = '' and coalesce(Password, '') = ''"""


def listening() -> list[dict[str, object]]:
    """Sockets that others than this host reach, with the unit that holds each. Loopback is nobody's business."""
    found = []
    for kind, flag in (("tcp", "-t"), ("udp", "-u")):
        for line in output("ss", "-Hlnp", flag, seconds=COMMAND_SECONDS).splitlines():
            address, _, port = line.split()[3].rpartition(":")
            address = address.partition("%")[0].strip("[]")
            if address.startswith("127.") or address == "::1":
                continue
            name = re.search(r'\("([^"]+)",pid=(\d+)', line)
            program, unit = (name[1], unit_of(int(name[2]))) if name else ("", "")
            found.append({"kind": kind, "address": address, "port": int(port), "program": program, "unit": unit})
    return found


def unit_of(pid: int) -> str:
    """The systemd unit whose process it is; guests are named by their scope."""
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except OSError:
        return ""
    paths = [line.partition("::")[2] for line in lines if line.startswith("0::")]
    named = re.findall(r"[^/]+\.(?:service|scope|socket)", paths[0] if paths else "")
    return str(named[-1]) if named else ""


def spoken(one: dict[str, object]) -> dict[str, object]:
    """How a TCP port speaks: `tls` is the version, None for in the clear; `old` an outdated one that it takes as well; `doubt`
    is why its certificate is not believed."""
    address, port = str(one["address"]), int(str(one["port"]))
    at = "127.0.0.1" if address in ("0.0.0.0", "*", "::", "") else address
    opening = opening_of(str(one["program"]))
    trusted = ssl.create_default_context(cafile=AUTHORITY if os.path.exists(AUTHORITY) else None)
    said: dict[str, object] = {"tls": None, "old": None, "doubt": None}
    try:
        said["tls"] = handshake(at, port, trusted, opening)
    except ssl.SSLCertVerificationError as error:
        said.update(tls="TLS", doubt=error.verify_message)
    except (OSError, ValueError):
        return said
    if opening in ("rfb", "nbd"):  # QEMU's GnuTLS decides
        return said
    try:
        said["old"] = handshake(at, port, outdated(), opening)
    except (OSError, ValueError):
        said["old"] = None
    return said


def outdated() -> ssl.SSLContext:
    """A client that knows no more than TLS 1.1, and believes anybody."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    return context


def opening_of(program: str) -> str:
    """What is said before TLS begins."""
    if program.startswith("qemu-storage"):
        return "nbd"
    return {"mariadbd": "mysql"}.get(program, "rfb" if program.startswith("qemu-system") else "")


def handshake(address: str, port: int, context: ssl.SSLContext, opening: str) -> str | None:
    """The version of TLS that is agreed on. Raises OSError (SSLError is one) or ValueError where it is spoken in the clear."""
    with socket.create_connection((address, port), timeout=SECONDS) as raw:
        if opening == "rfb":
            return display(raw)
        if opening == "nbd":
            return export(raw)
        if opening == "mysql":
            database(raw)
        with context.wrap_socket(raw, server_hostname=address) as encrypted:
            return encrypted.version()


def database(raw: socket.socket) -> None:
    """Up to where TLS begins. Source: MariaDB's client/server protocol, SSLRequest."""
    read(raw, int.from_bytes(read(raw, 4)[:3], "little"))
    capabilities = 0x00000200 | 0x00000800 | 0x00008000 | 0x00080000
    body = capabilities.to_bytes(4, "little") + (1 << 24).to_bytes(4, "little") + bytes([45]) + bytes(23)
    raw.sendall(len(body).to_bytes(3, "little") + b"\x01" + body)


def display(raw: socket.socket) -> str:
    """A guest's: whether VeNCrypt (19) is all that it offers. Source: RFC 6143, 7.1.2, and the registry of RFB."""
    raw.sendall(read(raw, 12))
    if set(read(raw, read(raw, 1)[0])) != {19}:
        raise ValueError("it offers more than VeNCrypt")
    return "VeNCrypt"


def export(raw: socket.socket) -> str:
    """A volume's: whether a list of exports is refused before TLS. Source: the NBD protocol, fixed newstyle negotiation."""
    if read(raw, 18)[:16] != b"NBDMAGICIHAVEOPT":
        raise ValueError("this is no NBD server")
    raw.sendall((1).to_bytes(4, "big") + b"IHAVEOPT" + (3).to_bytes(4, "big") + bytes(4))
    if int.from_bytes(read(raw, 20)[12:16], "big") != 0x80000005:
        raise ValueError("it lists exports without TLS")
    return "TLS"


def read(raw: socket.socket, count: int) -> bytes:
    """Exactly so many bytes."""
    got = b""
    while len(got) < count:
        piece = raw.recv(count - len(got))
        if not piece:
            raise OSError("the connection was closed")
        got += piece
    return got


def files() -> list[dict[str, str]]:
    """Kind, owner, group and mode of what is ours."""
    paths = [Path(path) for path in (*TREES, *FILES)]
    for tree in TREES:
        paths += sorted(Path(tree).rglob("*"))
    for folder in FOLDERS:
        paths += sorted(path for path in Path(folder).glob("*") if folder == FOLDERS[0] or "tinstack" in path.name)
    found = []
    for path in paths:
        try:
            seen = path.lstat()
        except OSError:
            continue
        if stat.S_ISLNK(seen.st_mode):
            continue
        kind = "directory" if stat.S_ISDIR(seen.st_mode) else "socket" if stat.S_ISSOCK(seen.st_mode) else "file"
        owner, group = name_of(pwd.getpwuid, seen.st_uid), name_of(grp.getgrgid, seen.st_gid)
        mode = f"{stat.S_IMODE(seen.st_mode):04o}"
        found.append({"path": str(path), "kind": kind, "owner": owner, "group": group, "mode": mode})
    return found


def name_of(look: object, number: int) -> str:
    """Of an account or a group; the number where it has none."""
    try:
        return str(look(number)[0])  # type: ignore[operator]
    except KeyError:
        return str(number)


def exposures() -> dict[str, float]:
    """Our units, and what systemd says of what they may do: 0 nothing, 10 everything."""
    said = output("systemd-analyze", "security", "--json=short", "--no-pager", seconds=30)
    return {
        one["unit"]: float(one["exposure"])
        for one in json.loads(said or "[]")
        if one["unit"].startswith("tinstack-") or one["unit"] == "haproxy.service"
    }


def certificates() -> dict[str, int]:
    """When each ends, in seconds since the epoch."""
    found = {}
    for path in CERTIFICATES:
        said = (
            output("openssl", "x509", "-in", path, "-noout", "-enddate", seconds=COMMAND_SECONDS)
            .strip()
            .removeprefix("notAfter=")
        )
        if said:
            found[path] = ssl.cert_time_to_seconds(said)
    return found


def open_accounts() -> list[str]:
    """Who needs no password, each as a sentence's subject."""
    found = []
    for line in Path("/etc/shadow").read_text().splitlines():
        name, password = line.split(":")[:2]
        if not password:
            found.append(f"the account {name} of the host")
    if os.path.exists("/etc/mysql/tinstack.sql"):
        said = output(
            "mariadb",
            "--batch",
            "--skip-column-names",
            "--connect-timeout=3",
            "--execute",
            ACCOUNTS,
            seconds=COMMAND_SECONDS,
        )
        found += ["the account {}@{} of the database".format(*line.split("\t")) for line in said.splitlines()]
    if os.path.exists("/etc/rabbitmq/definitions.json"):
        said = output("rabbitmqctl", "--quiet", "--no-table-headers", "list_users", seconds=20)
        found += ["the user guest of the bus" for line in said.splitlines() if line.split("\t")[0] == "guest"]
    return found


def main() -> None:
    """All of it, as one JSON object."""
    sockets = listening()
    talking = [one for one in sockets if one["kind"] == "tcp" and one["program"] not in ("sshd", "systemd")]
    with ThreadPoolExecutor(max_workers=16) as pool:
        units, accounts = pool.submit(exposures), pool.submit(open_accounts)
        for one, said in zip(talking, pool.map(spoken, talking), strict=True):
            one.update(said)
        found = {
            "sockets": sockets,
            "files": files(),
            "units": units.result(),
            "certificates": certificates(),
            "accounts": accounts.result(),
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
