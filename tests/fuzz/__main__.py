"""Hostile requests: ``./lab test fuzz``. Many requests, right and wrong, over every operation of every service of a ``dev`` cloud.

No answer may be of the server's own fault (5xx), every error is in its service's form, memory stays flat, and the cloud works
afterwards. The seed is printed: the same seed draws the same requests.
"""

import argparse
import asyncio
import json
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from tests.api.conftest import Client
from tests.conformance.cloud import dev
from tests.conformance.outcomes import write_junit

from .operations import Operation, operations
from .people import People, Pool
from .requests import Requests, Sent
from .wire import Answer, Wire

WORKERS = 12
PLANT_EVERY, RENEW_SECONDS = 1500, 600.0
WARM_SHARE, GROWTH_MIB = 0.25, 96
MOST_MEMORY = 6 << 30
"""Address space that a cloud may take: one request that asks for more than there is must not take the machine with it."""
FILE = Path("/proc")
SAID_501 = {
    "/v2.1/servers",
    "/v2.1/os-hosts/{name}",
    "/v2.1/os-hosts/{name}/reboot",
    "/v2.1/os-hosts/{name}/shutdown",
    "/v2.1/os-hosts/{name}/startup",
}
"""What the ledger says is answered by 501, beside what it does not list."""
SAFE = {("DELETE", "/v3/auth/tokens")}
"""What would sign the run's own people out."""


class Trouble(Exception):
    """An answer that should not have been."""


class Run:
    """One run. ``troubles``: what went wrong, once per operation and kind."""

    def __init__(self, state: Path, seed: int) -> None:
        ready = json.loads((state / "ready.json").read_text())
        clouds = json.loads((state / "clouds.yaml").read_text())["clouds"]
        passwords = {name: clouds[name]["auth"]["password"] for name in ("tinstack-admin", "tinstack")}
        self.people = People(ready["auth_url"], passwords["tinstack-admin"], passwords["tinstack"])
        self.pids: list[int] = ready["pids"]
        self.pool, self.seed = Pool(), seed
        self.operations = [one for one in operations() if (one.method, one.path) not in SAFE]
        self._missing = {one.path for one in self.operations if one.missing}
        self.reached: dict[str, set[int]] = {one.name: set() for one in self.operations}
        self._weights = [0.05 if one.route.handler.__name__ in ("gone", "missing") else 1.0 for one in self.operations]
        urls: dict[str, str] = ready["services"]
        kinds = {"volume": "block-storage", "api": "compute"}
        self.ports = {
            one.service.key: int(urls[kinds.get(one.service.key, one.service.key)].split(":")[2].split("/")[0])
            for one in self.operations
        }
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.troubles: dict[tuple[str, str, str], str] = {}
        self.started = time.monotonic()
        self._next, self._total = 0, 0
        self._renewed = time.monotonic()
        self._stale: list[tuple[str, str]] = []
        self.at_warm = 0

    async def send(self, total: int) -> None:
        """So many requests."""
        self._total = total
        await asyncio.to_thread(self._plant)
        await asyncio.gather(*(self._worker() for _ in range(WORKERS)))

    def _plant(self) -> None:
        clients = {"compute": self.people.admin, "network": self.people.admin, "placement": self.people.admin}
        stale, self._stale = self._stale, []
        for service, path in [*stale, *self.people.plant(self.pool)]:
            try:
                clients.get(service, self.people.admin).delete(service, path)
            except TimeoutError:
                key = ("DELETE", path, "no answer in time")
                self.troubles[key] = f"no answer in time: DELETE {path} of {service}"
                print(self.troubles[key], flush=True)

    async def _worker(self) -> None:
        wires = {key: Wire(port) for key, port in self.ports.items()}
        while self._next < self._total:
            number, self._next = self._next, self._next + 1
            if number and number % PLANT_EVERY == 0:
                await asyncio.to_thread(self._maintain)
            if number == int(self._total * WARM_SHARE):
                self.at_warm = self.memory()
            if number and number % 10_000 == 0:
                self.say(number)
            chance = random.Random(f"{self.seed}/{number}")
            [operation] = chance.choices(self.operations, self._weights)
            sent = Requests(chance, self.pool, self.people.tokens).draw(operation)
            try:
                answer = await wires[operation.service.key].ask(sent.method, sent.target, sent.headers, sent.body)
                self.statuses[operation.service.key, answer.status] += 1
                self.reached[operation.name] |= {answer.status}
                judge(operation, sent, answer, self._missing)
                self._learn(operation, sent, answer)
            except TimeoutError:
                self._note(operation, sent, number, "no answer in time")
                await wires[operation.service.key].close()
            except (OSError, asyncio.IncompleteReadError, ValueError) as error:
                self._note(operation, sent, number, f"the connection broke: {type(error).__name__}")
                await wires[operation.service.key].close()
            except Trouble as trouble:
                self._note(operation, sent, number, str(trouble), answer)
        for wire in wires.values():
            await wire.close()

    def _maintain(self) -> None:
        if time.monotonic() - self._renewed > RENEW_SECONDS:
            self.people.renew()
            self._renewed = time.monotonic()
        self._plant()

    def _learn(self, operation: Operation, sent: Sent, answer: Answer) -> None:
        """Remember what was made, so that other requests can name it."""
        if sent.method != "POST" or answer.status >= 300 or not answer.body.startswith(b"{"):
            return
        body = json.loads(answer.body)
        kind, found = next(iter(body.items()), ("", None))
        if not isinstance(found, dict):
            found, kind = body, "image" if operation.service.key == "image" else kind
        id = found.get("id") or found.get("uuid")
        if isinstance(id, str) and "{" not in operation.path:
            path = operation.path.removeprefix(operation.service.root)
            old = self.pool.add(kind, id, f"{path}/{quote(id, safe='')}")
            if old:
                names = {"api": "compute", "volume": "block-storage"}
                self._stale.append((names.get(operation.service.key, operation.service.key), old))

    def _note(self, operation: Operation, sent: Sent, number: int, what: str, answer: Answer | None = None) -> None:
        key = (sent.method, operation.path, what)
        if key in self.troubles:
            return
        lines = [
            f"{what}: {sent.method} {sent.target[:300]!r} of {operation.service.key} (request {number}, {sent.person or 'nobody'})"
        ]
        lines += [
            f"  {name.decode('latin-1')}: {value[:120]!r}" for name, value in sent.headers if name != b"X-Auth-Token"
        ]
        lines += [f"  > {sent.body[:600]!r}"] if sent.body is not None else []
        if answer:
            lines += [f"  < {answer.status} {answer.headers.get('content-type')} {answer.body[:400]!r}"]
        self.troubles[key] = "\n".join(lines)
        print(self.troubles[key], flush=True)

    def memory(self) -> int:
        """Resident memory of the cloud, MiB."""
        pages = sum(int((FILE / str(pid) / "statm").read_text().split()[1]) for pid in self.pids)
        return pages * 4096 >> 20

    def say(self, number: int) -> None:
        seconds = time.monotonic() - self.started
        print(
            f"{number} requests, {number / seconds:.0f} per second, {self.memory()} MiB, {len(self.troubles)} troubles",
            flush=True,
        )


def judge(operation: Operation, sent: Sent, answer: Answer, missing: set[str]) -> None:
    """``missing``: paths of which some operations answer 501. Raises Trouble."""
    status = answer.status
    if status == 501 and (operation.path in missing or operation.path in SAID_501):
        pass
    elif status >= 500:
        raise Trouble(f"status {status}")
    if status < 400:
        return
    kind = answer.headers.get("content-type", "")
    if sent.method == "HEAD":
        return
    if operation.service.key == "image":
        if not kind.startswith("text/html") or str(status).encode() not in answer.body:
            raise Trouble(f"an error of another form, {kind}")
        return
    if not kind.startswith("application/json"):
        raise Trouble(f"an error of another form, {kind}")
    if not well_formed(operation.service.key, status, json.loads(answer.body)):
        raise Trouble("an error of another form")


def well_formed(service: str, status: int, body: Any) -> bool:
    """Whether an error looks as that service's errors look."""
    if not isinstance(body, dict) or len(body) != 1:
        return False
    [(name, inner)] = body.items()
    if name == "error" and (status == 401 or service == "identity"):
        return bool(inner["code"] == status and inner["message"] and inner["title"])
    if service == "network":
        return name == "NeutronError" and set(inner) == {"type", "message", "detail"} and bool(inner["message"])
    if service == "placement":
        return name == "errors" and inner[0]["status"] == status and bool(inner[0]["detail"])
    return bool(service in ("api", "volume") and inner["code"] == status and inner["message"])


def still_works(people: People) -> str:
    """Whether a new project gets a server with a network; the reason why not."""
    people.renew()
    admin, name = people.admin, uuid4().hex[:8]
    for server in admin.get("compute", "/servers?all_tenants=1&limit=1000").json["servers"]:
        admin.post("compute", f"/servers/{server['id']}/action", {"unlock": None})
        admin.delete("compute", f"/servers/{server['id']}")
    project = admin.post("identity", "/projects", {"project": {"name": name}}).json["project"]["id"]
    user = {"name": name, "password": name, "domain_id": "default"}
    id = admin.post("identity", "/users", {"user": user}).json["user"]["id"]
    [member] = admin.get("identity", "/roles?name=member").json["roles"]
    admin.put("identity", f"/projects/{project}/users/{id}/roles/{member['id']}")
    for service in admin.get("identity", "/services").json["services"]:
        if service["type"] not in admin.urls:
            admin.delete("identity", f"/services/{service['id']}")
    own = Client(admin.auth_url, name, name, name)
    net = own.post("network", "/v2.0/networks", {"network": {"name": name}}).json["network"]["id"]
    own.post("network", "/v2.0/subnets", {"subnet": {"network_id": net, "cidr": "10.7.0.0/24", "ip_version": 4}})
    flavor = {"name": name, "id": name, "ram": 64, "vcpus": 1, "disk": 1}
    admin.post("compute", "/flavors", {"flavor": flavor})
    image = own.get("image", "/v2/images?name=tiny&visibility=public").json["images"][0]["id"]
    server = {"name": name, "imageRef": image, "flavorRef": name, "networks": [{"uuid": net}]}
    made = own.post("compute", "/servers", {"server": server})
    if made.status != 202:
        return f"a new server is refused: {made.data!r}"
    path = f"/servers/{made.json['server']['id']}"
    shown = own.wait("compute", path, lambda answer: answer.json["server"]["status"] in ("ACTIVE", "ERROR"), 60).json[
        "server"
    ]
    return (
        ""
        if shown["status"] == "ACTIVE" and shown["addresses"]
        else f"a new server is {shown['status']}: {shown.get('fault')}"
    )


def own_folder(stack: ExitStack, kept: Path | None) -> Path:
    return kept or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tinstack-fuzz-")))


def main() -> int:
    """Exit status 1 where anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--junitxml", type=Path)
    parser.add_argument("--never", action="store_true", help="name the operations that no request succeeded with")
    parser.add_argument(
        "--state", type=Path, help="a `dev` cloud that runs, in place of one of its own (`dev --split`, say)"
    )
    parser.add_argument("--keep", type=Path, help="where the cloud's files stay")
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    with ExitStack() as stack:
        state = asked.state or stack.enter_context(dev(own_folder(stack, asked.keep) / "dev"))
        run = Run(state, asked.seed)
        asyncio.run(run.send(asked.requests))
        run.say(asked.requests)
        growth = run.memory() - run.at_warm
        broken = still_works(run.people)
    for service in run.ports:
        counts = {status: count for (key, status), count in sorted(run.statuses.items()) if key == service}
        print(f"{service}: {', '.join(f'{status}: {count}' for status, count in counts.items())}")
    problems = [*run.troubles.values()]
    if growth > GROWTH_MIB:
        problems.append(f"memory grew by {growth} MiB after the first {WARM_SHARE:.0%} of the requests")
    if broken:
        problems.append(f"the cloud is broken: {broken}")
    for problem in problems[len(run.troubles) :]:
        print(problem)
    print(f"{asked.requests} requests, {len(problems)} problems, memory grew by {growth} MiB; seed {asked.seed}")
    never = [name for name, found in run.reached.items() if not any(status < 400 for status in found)]
    print(f"{len(never)} of {len(run.reached)} operations never succeeded")
    if asked.never:
        print("\n".join(f"{name} {sorted(run.reached[name])}" for name in never))
    if asked.junitxml:
        write_junit(asked.junitxml, asked.requests, len(problems), 0)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
