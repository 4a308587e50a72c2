"""What failed where, as an operation keeps it, and the sentence that a server shows of it."""

from typing import Any

from tinstack.computedb.rows import Fault
from tinstack.core.clock import now_us
from tinstack.core.operations import Operation
from tinstack.core.trace import STEPS

FAILURES, TRIED = "failures", "tried"
"""Keys of a boot's ``data``: what failed where; the hosts that were tried."""

NO_VALID_HOST = "No valid host was found."
"""A fault that begins so names every host with its reason; clients know these words."""


def note(operation: Operation, step: int, host: str | None, reason: str) -> None:
    """Write into the operation that it failed there."""
    operation.step = step
    operation.data.setdefault(FAILURES, []).append({"step": step, "host": host, "reason": reason})
    if host:
        operation.data.setdefault(TRIED, []).append(host)


def fault_of(operation: Operation) -> Fault:
    """The sentence that names step, host and reason; where several hosts were tried, each of them."""
    failures = operation.data[FAILURES]
    last = next((one for one in reversed(failures) if one["host"]), failures[-1])
    sentences = [_sentence(one) for one in failures]
    return Fault(
        code=500,
        message=sentences[-1] if len(sentences) == 1 else " ".join(sentences),
        created=now_us(),
        step=last["step"],
        host=last["host"],
        details="\n".join(sentences),
    )


def _sentence(failure: dict[str, Any]) -> str:
    step, host, reason = failure["step"], failure["host"], str(failure["reason"])
    reason = reason if reason.endswith((".", "!", "?")) else f"{reason}."
    if host is None:
        said = reason.startswith(NO_VALID_HOST) or step not in STEPS
        return reason if said else f"Step {step} ({STEPS[step]}) failed: {reason}"
    return f"Step {step} ({STEPS.get(step, 'operation')}) failed on host {host}: {reason}"
