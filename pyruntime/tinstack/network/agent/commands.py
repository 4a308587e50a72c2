"""Running the programs of iproute2 and others: whole batches, with the lines that failed and why."""

import re
import subprocess
from collections.abc import Sequence

from tinstack.core.errors import ApiError
from tinstack.network.agent.model import Line

SECONDS = 30
_PLAIN = {"Unknown device type": "this host's kernel has no interfaces of this type"}
_FAILED = re.compile(r"Command failed -:(\d+)")


class CommandFailed(ApiError):
    """A program said no; the message names it and what it said."""

    code = "network.agent.command"
    message = "'{command}' failed: {reason}"


def run(arguments: Sequence[str], text: str = "", *, allowed: Sequence[int] = (0,)) -> str:
    """Standard output. Raises CommandFailed."""
    done = _run(arguments, text)
    if done.returncode not in allowed:
        raise CommandFailed(command=" ".join(arguments), reason=_last_line(done.stderr or done.stdout))
    return done.stdout


def batch(program: str, lines: Sequence[Line]) -> dict[str, str]:
    """``ip`` or ``bridge``, all lines whatever becomes of one; owner → why its first line failed."""
    if not lines:
        return {}
    done = _run([program, "-force", "-batch", "-"], "".join(f"{line.text}\n" for line in lines))
    errors: dict[str, str] = {}
    for number, reason in failures(done.stderr):
        line = lines[number - 1]
        errors.setdefault(line.owner, f"'{program} {line.text}' failed: {reason}")
    return errors


def failures(said: str) -> list[tuple[int, str]]:
    """(line, reason) from what a batch wrote to standard error."""
    found, reason = [], ""
    for text in said.splitlines():
        if match := _FAILED.search(text):
            found.append((int(match[1]), reason or "no reason given."))
            reason = ""
        elif text.strip():
            said_why = text.strip().removeprefix("Error: ").removeprefix("RTNETLINK answers: ").rstrip(".")
            reason = _PLAIN.get(said_why, said_why) + "."
    return found


def _run(arguments: Sequence[str], text: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(arguments, input=text, capture_output=True, text=True, timeout=SECONDS)
    except FileNotFoundError as error:
        raise CommandFailed(command=arguments[0], reason="the program is not installed.") from error
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(command=" ".join(arguments), reason=f"no end after {SECONDS} s.") from error


def _last_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given."
