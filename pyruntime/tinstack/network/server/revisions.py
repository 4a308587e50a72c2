"""``If-Match: revision_number=N``: a change that holds for one revision only. Source: Network API reference, Revisions."""

import re

from tinstack.core.http import Request
from tinstack.network.server.errors import HTTPBadRequest, RevisionNumberConstraintFailed
from tinstack.network.server.rows import Owned

MATCH = re.compile(r"revision_number=(\d{1,9})")


def expected(request: Request) -> int | None:
    """The revision that the caller means; None: any. Raises HTTPBadRequest."""
    text = request.header("If-Match")
    if text is None:
        return None
    found = MATCH.fullmatch(text.strip())
    if not found:
        raise HTTPBadRequest(f"Invalid If-Match header: '{text}'; expected revision_number=NUMBER.")
    return int(found[1])


def expect(row: Owned, revision: int | None) -> None:
    """Raises RevisionNumberConstraintFailed, 412."""
    if revision is not None and row.revision_number != revision:
        raise RevisionNumberConstraintFailed(expected=revision, current=row.revision_number)
