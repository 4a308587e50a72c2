"""Log lines with the global request id, to standard error (the journal) and, where configured, to a file; the file has one line
more for each request that was answered."""

import asyncio
import logging
import logging.handlers
import sys
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

import msgspec

from tinstack.core.config import LogConfig
from tinstack.core.context import request_id_of_task

_encode = msgspec.json.Encoder().encode

service_of_task: ContextVar[str] = ContextVar("service", default="")
"""Which of the services in this process a task belongs to."""


def second(at: float) -> str:
    """UTC up to the second: lines of all hosts sort by their text, whatever zones the hosts are in."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC), level, service, logger, request_id, message, and the traceback if there is one.
    ``service``: whose lines are that no service's task writes."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self.service = service

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line of JSON."""
        line: dict[str, Any] = {
            "time": f"{second(record.created)}.{int(record.created % 1 * 1000):03d}Z",
            "level": record.levelname,
            "service": service_of_task.get() or self.service,
            "logger": record.name,
            "request_id": request_id_of_task.get(),
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return _encode(line).decode()


class AccessLine(msgspec.Struct, kw_only=True):
    """A request that was answered. ``request_id`` is the global one, ``own_request_id`` the one that the answer's header names."""

    time: str = ""
    level: str = "INFO"
    service: str
    logger: str = "access"
    request_id: str
    message: str
    own_request_id: str
    method: str
    path: str
    status: int
    duration_ms: float
    user_id: str | None = None
    project_id: str | None = None


class LogFile(logging.handlers.WatchedFileHandler):
    """The file of a service. Lines about requests are gathered and written together, before the next other line at the latest.

    They are not for the journal: it would drop lines that matter once a busy API has used up its rate.
    """

    GATHER_SECONDS = 0.2

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._gathered: list[bytes] = []
        self._second, self._prefix = 0, ""

    def emit(self, record: logging.LogRecord) -> None:
        """What was gathered, then this one."""
        self._write()
        super().emit(record)

    def gather(self, line: AccessLine) -> None:
        """Soon; called in the event loop."""
        now = time.time()
        if int(now) != self._second:
            self._second = int(now)
            self._prefix = second(now)
        line.time = f"{self._prefix}.{int(now % 1 * 1000):03d}Z"
        if not self._gathered:
            asyncio.get_running_loop().call_later(self.GATHER_SECONDS, self._write)
        self._gathered.append(_encode(line))

    def close(self) -> None:
        """With what was gathered."""
        self._write()
        super().close()

    def _write(self) -> None:
        if not self._gathered:
            return
        lines, self._gathered = self._gathered, []
        self.acquire()
        try:
            self.reopenIfNeeded()
            if self.stream is None:
                self.stream = self._open()
            self.stream.write(b"\n".join(lines).decode() + "\n")
            self.flush()
        except OSError as error:
            print(f"{len(lines)} lines about requests could not be written: {error}", file=sys.stderr)
        finally:
            self.release()


_levels: dict[str, int] = {}
"""By service, the first of which also has what no service's task writes."""

_files: dict[str, LogFile] = {}
"""By service."""


def setup(services: Mapping[str, LogConfig]) -> None:
    """Configure the root logger of this process for the services in it: each has its file and level."""
    _levels.clear()
    _files.clear()
    for name, config in services.items():
        _levels[name] = logging.getLevelNamesMapping()[config.level.upper()]
        if config.file:
            _files[name] = LogFile(config.file)
            _files[name].setLevel(_levels[name])
            _files[name].addFilter(_only(name))
    journal = logging.StreamHandler(sys.stderr)
    journal.addFilter(lambda record: record.levelno >= _levels[_whose()])
    handlers: list[logging.Handler] = [journal, *_files.values()]
    for handler in handlers:
        handler.setFormatter(JsonFormatter(next(iter(services))))
    logging.basicConfig(level=min(_levels.values()), handlers=handlers, force=True)
    for noisy in ("aiormq", "aio_pika", "uvicorn.error", "asyncio", "websockets.server"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def access_file() -> LogFile | None:
    """Where lines about requests go; None where no file is configured, or nothing below warnings is wanted."""
    file = _files.get(_whose())
    return file if file and file.level <= logging.INFO else None


def _only(service: str) -> Callable[[logging.LogRecord], bool]:
    return lambda record: _whose() == service


def _whose() -> str:
    name = service_of_task.get()
    return name if name in _levels else next(iter(_levels), "")
