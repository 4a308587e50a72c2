"""The bus: ``call`` waits for an answer, ``cast`` does not, ``broadcast`` reaches every listener, ``serve`` takes.

Topics: ``scheduler``, ``conductor``, ``network``, ``volume``, ``trace``, ``compute.<host>``, ``network.<host>``,
``volume.<host>``. Broadcast keys: ``identity.revoked``, ``cache.<name>``. Controllers publish to the exchange ``down``,
hosts to ``up``; who may write and read what is in ``topology``. Messages are Structs in JSON; unknown fields are ignored,
so that an old and a new version of a service can talk.
"""

from tinstack.core.bus.interface import (
    Bus,
    Envelope,
    Handler,
    Message,
    Refused,
    RemoteFailure,
    RemoteTimeout,
    set_aside,
)
from tinstack.core.bus.open import connect

__all__ = ["Bus", "Envelope", "Handler", "Message", "Refused", "RemoteFailure", "RemoteTimeout", "connect", "set_aside"]
