"""The worker processes of this machine: one per core, replaced when they die.

The standard library's pool gives up when one of its processes is killed, without saying which task it had;
this one keeps count of the deaths on each shard.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

from data_gen.errors import MachineError
from data_gen.machine import start_process
from data_gen.production.worker import Job

DEATHS_PER_SHARD = 3


@dataclass
class Worker:
    """A running worker, its end of the socket, the shard it makes, the model and units of it so far."""

    process: subprocess.Popen
    connection: Connection
    shard: int
    model: int
    done: int = 0


def run_pool(
    job: Job,
    shards: Iterable[int],
    workers: int,
    progress: Callable[[int], None],
) -> None:
    """Make the shards with so many processes; `progress` is told the number of units just done.

    A shard whose worker died is begun again by a new one, and its units are taken back from the progress.
    Raises the TomoError that a worker reports, and MachineError where three have died on one shard. No worker
    outlives the call.
    """
    waiting = list(shards)[::-1]
    deaths: Counter[int] = Counter()
    pool: dict[Connection, Worker] = {}
    try:
        while waiting or pool:
            while waiting and len(pool) < workers:
                worker = _start(job, waiting.pop())
                pool[worker.connection] = worker
            for connection in wait(list(pool)):
                worker = pool[connection]  # type: ignore[index]
                try:
                    kind, value = worker.connection.recv()
                except (EOFError, ConnectionError):
                    del pool[worker.connection]
                    _bury(worker, deaths)
                    progress(-worker.done)
                    waiting.append(worker.shard)
                    continue
                if kind == "error":
                    raise value
                if kind == "model":
                    worker.model = value
                elif kind == "done":
                    worker.done += value
                    progress(value)
                elif waiting:
                    with suppress(ConnectionError):  # it died since: reading from it tells
                        _assign(worker, job, waiting.pop())
                else:
                    with suppress(ConnectionError):
                        worker.connection.send(None)
                    del pool[worker.connection]
                    worker.process.wait()
    finally:
        for worker in pool.values():
            worker.process.kill()
            worker.process.wait()


def _start(job: Job, shard: int) -> Worker:
    process, connection = start_process("data_gen.production.worker")
    worker = Worker(process, connection, shard, job.models(shard).start)
    with suppress(ConnectionError):  # it died at once: reading from it tells
        worker.connection.send(job)
        _assign(worker, job, shard)
    return worker


def _assign(worker: Worker, job: Job, shard: int) -> None:
    worker.shard, worker.done = shard, 0
    worker.model = job.models(shard).start
    worker.connection.send(shard)


def _bury(worker: Worker, deaths: Counter[int]) -> None:
    status = worker.process.wait()
    deaths[worker.shard] += 1
    if deaths[worker.shard] == DEATHS_PER_SHARD:
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        raise MachineError(
            f"{DEATHS_PER_SHARD} workers died making shard {worker.shard}, the last at model {worker.model} "
            f"({how}; signal 9 is often a lack of memory)"
        )
