"""Log lines with the global request id, to standard error (the journal) and, where configured, to a file."""

import logging
import logging.handlers
import sys
from typing import Any

import msgspec

from tinstack.core.config import LogConfig
from tinstack.core.context import request_id_of_task


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, service, logger, request_id, message, and the traceback if there is one."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self.service = service
        self.encoder = msgspec.json.Encoder()

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line of JSON."""
        line: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}",
            "level": record.levelname,
            "service": self.service,
            "logger": record.name,
            "request_id": request_id_of_task.get(),
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return self.encoder.encode(line).decode()


def setup(service: str, config: LogConfig) -> None:
    """Configure the root logger of this process."""
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if config.file:
        handlers.append(logging.handlers.WatchedFileHandler(config.file))
    for handler in handlers:
        handler.setFormatter(JsonFormatter(service))
    logging.basicConfig(level=config.level.upper(), handlers=handlers, force=True)
    for noisy in ("aiormq", "aio_pika", "uvicorn.error", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
