"""Trainings side by side: each alone in a process with one thread, all in one file of results.

A training on one thread does the same twice, and gives its memory back in the end. The file of results is rewritten
after each, so that whatever ends the work loses only what was under way.

A process is a fresh interpreter that shares nothing with its parent but one socket. Over it come `prepare` and the job;
back goes ("row", what it found) or ("error", a TomoError). It ends when the socket does: no process outlives its
parent, however that was ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from data_gen.errors import MachineError, TomoError
from data_gen.files import locked, write_json
from data_gen.machine import start_process


@dataclass(frozen=True)
class Job:
    """What one process does: `work(*arguments)`, which returns a row.

    `key` tells its row from all others, in values that JSON knows; a row holds the key and what the work returned.
    `work` is a function at the top of a module, and the arguments can be pickled.
    """

    key: Mapping[str, Any]
    work: Callable[..., dict[str, Any]]
    arguments: tuple

    @property
    def name(self) -> str:
        """The key in words."""
        return ", ".join(f"{name} {value}" for name, value in self.key.items())

    def is_done(self, rows: Sequence[Mapping[str, Any]]) -> bool:
        """Whether one of the rows is this job's."""
        key = json.loads(json.dumps(dict(self.key)))
        return any(all(name in row and row[name] == value for name, value in key.items()) for row in rows)


@dataclass
class _Running:
    process: subprocess.Popen
    connection: Connection
    job: Job


@contextlib.contextmanager
def alone(output: Path, writer: str) -> Iterator[Path]:
    """A folder beside a file of results for what is unfinished; nobody else writes the file as long as this lasts.

    An empty folder is removed in the end. Raises MachineError where another `writer` holds it.
    """
    folder = output.with_name(f"{output.stem}-unfinished")
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, writer):
        try:
            yield folder
        finally:
            with contextlib.suppress(OSError):  # what is unfinished stays, and its folder with it
                if [entry.name for entry in folder.iterdir()] == [".lock"]:
                    (folder / ".lock").unlink()
                folder.rmdir()


def side_by_side(
    jobs: Sequence[Job],
    results: dict[str, Any],
    output: Path,
    processes: int = 1,
    progress: Callable[[dict[str, Any]], None] = lambda row: None,
    prepare: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """Do the jobs that have no row in `results["rows"]`, in their order, so many at a time; returns the results.

    Each row is appended and `output` rewritten, whole, before `progress` is told of it. `prepare`, a function at the
    top of a module, is called first in each process. Raises the TomoError that a job raised, and MachineError where a
    job failed otherwise or its process was killed: the rows until then are in `output`. No process outlives the call.
    """
    waiting = [job for job in jobs if not job.is_done(results["rows"])][::-1]
    running: dict[Any, _Running] = {}
    try:
        while waiting or running:
            while waiting and len(running) < processes:
                child = _start(waiting.pop(), prepare)
                running[child.connection] = child
            for connection in wait(list(running)):
                row = {**running[connection].job.key, **_answer(running[connection])}
                _end(running.pop(connection))
                results["rows"].append(row)
                write_json(output, results)
                progress(row)
    finally:
        for child in running.values():
            _end(child)
    return results


def _start(job: Job, prepare: Callable[[], None] | None) -> _Running:
    process, connection = start_process("training.benchmark.side_by_side")
    child = _Running(process, connection, job)
    with contextlib.suppress(ConnectionError):  # it died at once: reading from it tells
        child.connection.send((pickle.dumps(prepare), pickle.dumps((job.work, job.arguments))))
    return child


def _answer(child: _Running) -> dict[str, Any]:
    """The row that a process sends; raises the error that it sends, and MachineError where it died."""
    try:
        kind, value = child.connection.recv()
    except (EOFError, ConnectionError):
        status = child.process.wait()
        how = f"was killed, signal {-status}" if status < 0 else f"ended, exit status {status}"
        hint = " (often a lack of memory)" if status == -signal.SIGKILL else ""
        raise MachineError(f"the process of {child.job.name} {how}{hint}: what was finished is kept") from None
    if kind == "error":
        raise value
    return value


def _end(child: _Running) -> None:
    child.process.kill()
    child.process.wait()
    child.connection.close()


def main() -> None:
    """Do the job that comes over the socket whose number is the last argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this process
    connection = Connection(int(sys.argv[-1]))
    try:
        prepare, job = connection.recv()
        threading.Thread(target=_end_with_parent, args=(connection,), daemon=True).start()
        connection.send(_done(prepare, job))
        threading.Event().wait()  # for the end of the socket: the parent has the row
    except (EOFError, ConnectionError):
        os._exit(1)


def _end_with_parent(connection: Connection) -> None:
    """Wait for the other end of the socket to be closed, and end this process at once."""
    with contextlib.suppress(EOFError, OSError):
        connection.recv()
    os._exit(1)


def _done(prepare: bytes, job: bytes) -> tuple[str, Any]:
    try:
        first = pickle.loads(prepare)
        if first is not None:
            first()
        work, arguments = pickle.loads(job)
        return "row", work(*arguments)
    except TomoError as error:
        return "error", error
    except Exception as error:
        said = (str(error).strip().splitlines() or [""])[0]
        failure = MachineError(f"a training failed: {type(error).__name__}: {said}")
        failure.trace = traceback.format_exc()
        return "error", failure
