"""A Dask scheduler and workers as processes of their own, on loopback: the same survey, whatever befalls them."""

from __future__ import annotations

import resource
import signal
import socket
import subprocess
import sys
import time

import pytest

from data_gen.acquisition import Acquisition
from data_gen.errors import MachineError
from data_gen.grid import Grid
from data_gen.production.generate import generate_survey
from data_gen.survey.specification import SurveySpecification, shard_path

dask = pytest.importorskip("dask")
pytest.importorskip("distributed")

ACQUISITION = Acquisition(Grid(40, 40, 15.0), sources=6, receivers=32, samples=80, sample_interval=0.008)
SPECIFICATION = SurveySpecification(ACQUISITION, models=96, train_models=80, seed=2)
SHOTS = SPECIFICATION.models * ACQUISITION.sources


class Cluster:
    """A scheduler, and workers without the nannies that would restart a killed one."""

    def __init__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{port}"
        self.processes = []
        self._start("scheduler", "--host", "127.0.0.1", "--port", str(port))

    def start_worker(self, **options):
        return self._start("worker", self.address, "--nthreads", "1", "--no-nanny", **options)

    def _start(self, *arguments, **options):
        command = [sys.executable, "-m", "dask", *arguments, "--no-dashboard"]
        self.processes.append(subprocess.Popen(command, stderr=subprocess.DEVNULL, **options))
        return self.processes[-1]

    def stop(self):
        for process in self.processes[::-1]:
            process.kill()
            process.wait()


@pytest.fixture
def cluster():
    running = Cluster()
    yield running
    running.stop()


def test_a_cluster_loses_a_worker_and_makes_the_same_survey(cluster, tmp_path):
    workers = [cluster.start_worker() for _ in range(2)]
    told = []

    def kill_one(shots):
        told.append(shots)
        if sum(told) >= SHOTS // 2:
            workers[0].send_signal(signal.SIGKILL)

    generate_survey(SPECIFICATION, tmp_path / "cluster", progress=kill_one, scheduler=cluster.address)
    assert workers[0].wait() == -signal.SIGKILL
    assert sum(told) == SHOTS
    generate_survey(SPECIFICATION, tmp_path / "pool")
    for shard in range(SPECIFICATION.shards):
        by_cluster, by_pool = (shard_path(tmp_path / name, shard) for name in ("cluster", "pool"))
        assert by_cluster.read_bytes() == by_pool.read_bytes()


def test_a_full_disk_is_one_line(cluster, tmp_path):
    """A limit on the size of the worker's files stands for the disk."""
    cluster.start_worker(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000)))
    with pytest.raises(MachineError, match="h5 cannot be written"):
        generate_survey(SPECIFICATION, tmp_path / "survey", scheduler=cluster.address)
    assert not list((tmp_path / "survey" / "shards").glob("*.h5"))


def test_ctrl_c_ends_within_seconds_and_says_how_to_continue(cluster, tmp_path):
    cluster.start_worker()
    command = [sys.executable, "-c", "from tomo.cli import main; main()", "generate", "--models", "640"]
    process = subprocess.Popen(
        [*command, "--scheduler", cluster.address, "--output", tmp_path / "survey"],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored in a shell's background
    )
    while not list(tmp_path.rglob("*0.h5")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=5)[1]
    assert process.returncode == 130
    assert "the same command continues" in said
    assert "Traceback" not in said


def test_no_scheduler_is_one_line(tmp_path):
    briefly = dask.config.set({"distributed.comm.timeouts.connect": "1s"})
    with briefly, pytest.raises(MachineError, match="no Dask scheduler answers"):
        generate_survey(SPECIFICATION, tmp_path / "survey", scheduler="tcp://127.0.0.1:9")
