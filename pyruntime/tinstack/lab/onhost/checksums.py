"""Which images in this host's stores are no longer what was uploaded: their sizes, then their hashes while time is left. Looks only."""

import hashlib
import json
import os
import sys
import time
import tomllib
from typing import Any

CONFIG = "/etc/tinstack/image.toml"


def folders(path: str = CONFIG) -> list[str]:
    """Of all file stores; none where the host keeps no images."""
    try:
        with open(path, "rb") as file:
            config = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError):
        return []
    return [str(config["store_dir"]), *(str(one["directory"]) for one in config.get("more_stores", []))]


def check(path: str, wanted: dict[str, Any], end: float) -> str | None:
    """What is wrong with a file: a sentence's end; None where nothing is. Raises TimeoutError past ``end``."""
    size = os.stat(path).st_size
    if wanted["size"] is not None and size != wanted["size"]:
        return f"has {size} bytes, not {wanted['size']}"
    if not wanted["hash"]:
        return None
    digest = hashlib.new(wanted["algorithm"])
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
            if time.monotonic() > end:
                raise TimeoutError
    return (
        None
        if digest.hexdigest() == wanted["hash"]
        else f"is corrupt: its {wanted['algorithm']} is not the one of the upload"
    )


def main() -> None:
    """``images``: id → size, algorithm, hash; ``seconds``: how long it may take."""
    asked = json.loads(sys.argv[1])
    end = time.monotonic() + asked["seconds"]
    bad, checked, late = {}, 0, 0
    for folder in folders():
        for id, wanted in sorted(asked["images"].items(), key=lambda one: one[1]["size"] or 0):
            path = os.path.join(folder, id)
            if not os.path.isfile(path):
                continue
            try:
                if wrong := check(path, wanted, end):
                    bad[path] = wrong
                checked += 1
            except TimeoutError:
                late += 1
    print(json.dumps({"bad": bad, "checked": checked, "late": late}))


if __name__ == "__main__":
    main()
