"""What hosts tell beside their units (as `status` shows it), and whether images on disk are what was uploaded."""

import time
from typing import Any

from tinstack.lab import status
from tinstack.lab.client import ApiError, Client
from tinstack.lab.labs import Lab
from tinstack.lab.status import findings
from tinstack.lab.status.apis import Told
from tinstack.lab.verify.report import Check

PATIENCE = 4.0
"""A busy host may take so many times as long as `status` waits for it."""

HASH_SECONDS = 15.0
"""How long a host may read images; the smallest come first."""


def hosts(lab: Lab) -> list[Check]:
    """A check for each thing that is wrong on a host, or one that says that none is. Nothing for a `dev` cloud."""
    looked, silent = status.look(lab, PATIENCE)
    if not looked and not silent:
        return []
    problems = findings.find(Told(), looked, silent, time.time())
    if not problems:
        return [
            Check(
                "look at hosts", True, message=f"{len(looked)}: disks, memory, clocks, names, certificates, firewalls"
            )
        ]
    return [Check("look at hosts", False, message=problem) for problem in problems]


def images(lab: Lab, admin: Client) -> list[Check]:
    """Each host that keeps images reads them; one sentence for each that is not what was uploaded."""
    from tinstack.lab.fleet import Fleet
    from tinstack.lab.onhost import checksums

    try:
        rows = admin.pages("image", "/v2/images", "images", {"limit": 100, "status": "active", "visibility": "all"})
        known = {str(row["id"]): row for row in rows}
    except ApiError as error:
        return [Check("images on disk", False, message=error.message)]
    asked: dict[str, Any] = {
        id: {"size": row["size"], "algorithm": row.get("os_hash_algo") or "sha512", "hash": row.get("os_hash_value")}
        for id, row in known.items()
    }
    said = Fleet(lab).ask(checksums, {"images": asked, "seconds": HASH_SECONDS}, HASH_SECONDS + 10)
    found = [
        Check(
            "images on disk",
            False,
            message=f"The image {known[path.rpartition('/')[2]]['name']} on {host} {wrong}: {path}.",
        )
        for host, one in said.found.items()
        for path, wrong in one["bad"].items()
    ]
    checked, late = (sum(one[key] for one in said.found.values()) for key in ("checked", "late"))
    unread = f"; {late} too large to be read in time" if late else ""
    return found or [Check("images on disk", True, message=f"{checked} are what was uploaded{unread}")]
