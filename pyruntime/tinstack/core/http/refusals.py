"""Warnings in the log of who refuses: what hosts ask for beyond their launch tokens (such a host may be stolen), and answers of
5xx with their sentence, as who asked may not tell it."""

import logging

import falcon.asgi

from tinstack.core.context import Context
from tinstack.core.errors import ApiError

log = logging.getLogger(__name__)


def note_refusal(context: Context | None, asked: falcon.asgi.Request, error: ApiError) -> None:
    """Name the host and what it tried, if it was one; and what this service could not do."""
    if error.status >= 500:
        log.warning("%s %s is answered with %d: %s", asked.method, asked.path, error.status, error.text)
    if context and context.launch and error.status in (403, 404):
        log.warning(
            "the host '%s', with its launch token for server %s, was refused %s %s: %s",
            context.launch.host,
            context.launch.server,
            asked.method,
            asked.path,
            error.text,
        )
