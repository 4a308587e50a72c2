"""What one sees while plays run: the play and task at work, the time, and a line for each play that is done.

Where nothing can be redrawn there are plain lines only.
"""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from tinstack.lab import words

SLOW = 5.0
"""Seconds after which a task is worth a line of its own where nothing is redrawn."""


def seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 60 else f"{int(value) // 60} min {int(value) % 60} s"


class PlayProgress:
    """Shows one stage: give it ansible-runner's events."""

    def __init__(self, stage: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._stage = stage
        self._clock = clock
        self._began = clock()
        self._play: str | None = None
        self._play_began = self._began
        self._play_changed = 0
        self._task: str | None = None
        self._task_began = self._began
        self._console = words.console()
        self._bar: Progress | None = None
        if words.live(self._console.file):
            columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._line = self._bar.add_task(escape(stage))

    def __enter__(self) -> Self:
        self._console.print(f"[bold]{escape(self._stage)}[/bold]")
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, event: dict[str, Any]) -> None:
        data = event.get("event_data") or {}
        match event["event"]:
            case "playbook_on_play_start":
                self._end_play()
                self._play, self._play_began, self._play_changed = (
                    data.get("name") or data.get("play") or "?",
                    self._clock(),
                    0,
                )
                self._describe(self._play)
            case "playbook_on_task_start":
                self._end_task()
                self._task, self._task_began = data.get("task") or data.get("name") or "?", self._clock()
                self._describe(f"{self._play}: {self._task}")
            case "runner_on_ok":
                self._play_changed += bool((data.get("res") or {}).get("changed"))
            case "playbook_on_stats":
                self._end_play()

    def elapsed(self) -> float:
        """Seconds since this stage began."""
        return self._clock() - self._began

    def _describe(self, words_: str) -> None:
        if self._bar:
            room = max(20, self._console.width - 14)
            self._bar.update(
                self._line, description=escape(words_ if len(words_) <= room else f"{words_[: room - 1]}…")
            )

    def _end_task(self) -> None:
        if self._task and not self._bar and (took := self._clock() - self._task_began) >= SLOW:
            self._console.print(f"    {self._task}: {seconds(took)}", markup=False)
        self._task = None

    def _end_play(self) -> None:
        self._end_task()
        if self._play:
            changed = f", {self._play_changed} changed" if self._play_changed else ""
            self._console.print(f"  {self._play}: {seconds(self._clock() - self._play_began)}{changed}", markup=False)
        self._play = None
