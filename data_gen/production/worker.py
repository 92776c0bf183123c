"""One worker: a process that gets a job and then makes the shards of it that it is told to make.

It runs in a fresh interpreter that shares nothing with its parent but one socket. Over it come the job and the numbers
of shards until None; back go ("model", index) before each model, ("done", units) after it, ("shard", number) when a
shard is whole, and ("error", a TomoError) for what no other worker would do better.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Protocol

from data_gen.errors import MachineError, TomoError

Tell = Callable[[str, int], None]


class Maker(Protocol):
    """What makes shards, once it is built."""

    def make(self, shard: int, tell: Tell) -> None:
        """Make a shard; tells ("model", index) before each model and ("done", units) after it."""


class Job(Protocol):
    """What workers do; it is sent to them."""

    def models(self, shard: int) -> range:
        """Indices of the models in a shard."""

    def maker(self) -> Maker:
        """Build what makes the shards: called in the worker, once."""


def work(connection: Connection) -> None:
    """Serve the parent at the other end until it sends None or is gone."""
    job: Job = connection.recv()
    maker = None
    while (shard := connection.recv()) is not None:
        try:
            maker = maker or job.maker()
            maker.make(shard, lambda kind, value: connection.send((kind, value)))
        except TomoError as error:
            connection.send(("error", error))
            return
        except Exception as error:
            said = (str(error).strip().splitlines() or [""])[0]
            failure = MachineError(f"a worker failed: {type(error).__name__}: {said}")
            failure.trace = traceback.format_exc()
            connection.send(("error", failure))
            return
        connection.send(("shard", shard))


def main() -> None:
    """Serve the parent over the socket whose number is the last argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        work(Connection(int(sys.argv[-1])))
    except (EOFError, ConnectionError):
        os._exit(1)
