"""What the commands print: results on standard output; progress and remarks on standard error.

On a terminal progress is a bar; elsewhere, in a log or a pipe, short lines without escape codes, now and then.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

WIDE = 1000
"""Columns of what is no terminal: tables are not cut there."""

SECONDS_BETWEEN_LINES = 30.0


@dataclass
class Verbosity:
    """How much is said besides results: nothing but mistakes (`quiet`), or also what is usual (`verbose`)."""

    quiet: bool = False
    verbose: bool = False


verbosity = Verbosity()


def remark(text: str) -> None:
    """Say something that is no result, unless --quiet."""
    if not verbosity.quiet:
        with suppress(OSError):  # a full disk under a log ends no work
            print(text, file=sys.stderr, flush=True)


def print_table(table: Table) -> None:
    """Print a result; nothing in it is markup."""
    Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else WIDE).print(table)


def table(*header: str, title: str | None = None, lines: bool = True) -> Table:
    """An empty table whose header and cells are plain text."""
    made = Table(title=None if title is None else Text(title), title_justify="left", show_header=bool(header))
    if not lines:
        made.box = None
    for name in header:
        made.add_column(Text(name), overflow="fold")
    return made


class _Rate(TextColumn):
    """How many units a second were done lately."""

    def __init__(self, unit: str) -> None:
        super().__init__("")
        self.unit = unit

    def render(self, task: Task) -> Text:
        """The rate of the bar's recent updates."""
        return Text(f"{task.speed:.1f} {self.unit}/s" if task.speed else "")


@contextmanager
def progress(what: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
    """Show how much of `total` units is done, at what rate, and the time left; gives the function to be told.

    It is told how many units were just done; a negative number takes some back.
    """
    if sys.stderr.isatty() or verbosity.quiet:
        with bar(what, total, unit) as advance:
            yield advance
    else:
        yield _Lines(what, total, unit).advance


@contextmanager
def bar(what: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
    """As `progress`, but nothing where there is no terminal."""
    if verbosity.quiet or not sys.stderr.isatty():
        yield lambda count: None
    else:
        columns = (
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit), _Rate(unit),
            TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
        )  # fmt: skip
        with Progress(*columns, console=Console(stderr=True, markup=False), speed_estimate_period=60) as shown:
            task = shown.add_task(what, total=total)
            yield lambda count: shown.advance(task, count)


class _Lines:
    """Progress in lines: the first units, then one line every half minute, and the last."""

    def __init__(self, what: str, total: int, unit: str) -> None:
        self.what, self.total, self.unit = what, total, unit
        self.done = 0
        self.begun = self.said = time.monotonic()
        self.before: int | None = None

    def advance(self, count: int) -> None:
        """So many units more are done."""
        self.done += count
        now = time.monotonic()
        if self.before is None:
            self.before = self.done  # what was there already is not this run's speed
            return
        if self.done < self.total and now - self.said < SECONDS_BETWEEN_LINES:
            return
        self.said = now
        rate = max(self.done - self.before, 0) / max(now - self.begun, 1e-9)
        left = f", {duration((self.total - self.done) / rate)} left" if rate and self.done < self.total else ""
        remark(f"{self.what}: {self.done} of {self.total} {self.unit}, {rate:.1f}/s{left}")


def duration(seconds: float) -> str:
    """A time in words, such as 1 h 05 min."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
