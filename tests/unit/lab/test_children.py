"""Children end with their parent, in order."""

import os
import signal
import subprocess
import sys

from tinstack.lab import children

SCRIPT = """
import os, sys
from pathlib import Path
from tinstack.lab import children
with children.passing_signals_on() as interruption:
    code = children.run(["sh", "-c", "trap 'echo ended; exit 7' TERM; echo began; while :; do read line <&3; done 3<>" + sys.argv[1]],
                        Path("/"), os.environ)
    print(code, interruption.signal.name, flush=True)
"""


def test_a_signal_reaches_the_child_first_and_its_code_comes_back(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    parent = subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path / "fifo")], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    assert parent.stdout.readline() == "began\n"
    parent.send_signal(signal.SIGINT)
    assert parent.stdout.read().splitlines() == ["ended", "7 SIGINT"]
    assert parent.wait() == 0
    parent.stdout.close()


def test_our_children_are_found():
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        assert child.pid in children.children_of(os.getpid())
        child.communicate()
