"""Run a list of OpenStack's own tests against a ``dev`` cloud of its own: ``./lab test conformance [LIST]``.

The lists are those of Tempest, the acceptance suite, and ``sdk``, openstacksdk's functional tests. A failure that
expected-failures.toml does not name fails the run; one that it names is listed with its reason.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import acceptance
import sdk
from cloud import ROOT, dev
from outcomes import expected, report


def main() -> int:
    """Exit status 1 where something fails that is not expected to, or nothing passes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("list", nargs="?", default="smoke", choices=[*acceptance.LISTS, "sdk"])
    parser.add_argument("--junitxml", type=Path)
    asked = parser.parse_args()
    environment = Path(os.environ.get("TINSTACK_TEMPEST") or ROOT / ".tempest")
    if not (environment / "bin" / "tempest").exists():
        print("There is no Tempest here; run it by `./lab test conformance`, which installs it.", file=sys.stderr)
        return 2
    programs = environment / "bin"
    with tempfile.TemporaryDirectory(prefix="tinstack-conformance-") as name, dev(Path(name) / "dev") as state:
        if asked.list == "sdk":
            outcomes = sdk.run(programs, Path(name), state)
        else:
            outcomes = acceptance.run(programs, Path(name), state, asked.list)
    return report(outcomes, expected(), asked.junitxml)


if __name__ == "__main__":
    sys.exit(main())
