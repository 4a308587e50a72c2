"""Reads a subunit stream on stdin, writes what became of each test as JSON: id → [status, last line of why].

Runs in Tempest's environment, which has the library for it. A class whose set-up failed or was skipped stands under
``setUpClass (CLASS)``.
"""

import json
import sys

import subunit
from testtools import StreamToDict


def last_line(details: dict[str, object]) -> str:
    """The end of what a test says about its failure."""
    for name in ("reason", "traceback"):
        for key, content in details.items():
            if key.startswith(name):
                lines = [line.strip() for line in content.as_text().splitlines() if line.strip()]
                return lines[-1] if lines else ""
    return ""


def main() -> None:
    found: dict[str, list[str]] = {}

    def note(test: dict[str, object]) -> None:
        if test["status"] not in ("exists", "inprogress"):
            found[test["id"]] = [test["status"], last_line(test["details"])]

    sink = StreamToDict(note)
    sink.startTestRun()
    subunit.ByteStreamToStreamResult(sys.stdin.buffer, non_subunit_name="stdout").run(sink)
    sink.stopTestRun()
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
