"""How late a call is, without trust in clocks: machines' clocks may differ by minutes, and be set while messages travel.

A call carries its sender's clock and how long its answer is waited for. What the receiver's clock shows beyond the sender's is their
difference plus the time on the way; the least that was seen of a sender lately is taken for a message that was not late at all, and what
a message shows beyond that is how long it was on its way. A process that stood still knows the least from before.
"""

import logging
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

WINDOW_SECONDS = 30.0
"""A least is forgotten after one to two of these, so that a clock that was set is believed again."""

APART_SECONDS = 5.0
KEEP = 10_000


class _Least:
    """The least difference of this window and of the one before."""

    __slots__ = ("before", "now", "since", "told")

    def __init__(self, difference: float, since: float) -> None:
        self.before = self.now = difference
        self.since, self.told = since, False

    def take(self, difference: float, at: float) -> float:
        if at - self.since > WINDOW_SECONDS:
            self.before, self.now, self.since = self.now, difference, at
        self.now = min(self.now, difference)
        return min(self.before, self.now)


class Lateness:
    """Of what one process receives. ``clock``: the wall clock; ``passing``: one that is never set."""

    def __init__(self, clock: Callable[[], float] = time.time, passing: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._passing = clock, passing
        self._senders: dict[str, _Least] = {}

    def of(self, sender: str, sent: float) -> float:
        """For how many seconds a message was on its way that was sent then; 0 where its sender is new."""
        difference, at = self._clock() - sent, self._passing()
        known = self._senders.get(sender)
        if known is None:
            if len(self._senders) >= KEEP:
                self._senders.clear()
            known = self._senders[sender] = _Least(difference, at)
        least = known.take(difference, at)
        if abs(least) > APART_SECONDS and not known.told:
            known.told = True
            log.warning("the clock of '%s' is %.0f s from this one; both should follow one time server", sender, -least)
        return difference - least
