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
from data_gen.errors import DataError, MachineError
from data_gen.grid import Grid
from data_gen.production.generate import generate_survey
from data_gen.survey.specification import SurveySpecification, shard_path

dask = pytest.importorskip("dask")
pytest.importorskip("distributed")

ACQUISITION = Acquisition(Grid(40, 40, 15.0), sources=6, receivers=32, samples=80, sample_interval=0.008)
SPECIFICATION = SurveySpecification(ACQUISITION, models=64, train_models=48, seed=2)
SHOTS = SPECIFICATION.models * ACQUISITION.sources


class Cluster:
    """A scheduler, and workers without the nannies that would restart a killed one."""

    def __init__(self, *more):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{port}"
        self.processes = []
        self._start("scheduler", "--host", "127.0.0.1", "--port", str(port), *more)

    def start_worker(self, *more, **options):
        return self._start("worker", self.address, "--nthreads", "1", "--no-nanny", *more, **options)

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


WITHOUT_TOMO = """
import sys

class Nowhere:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tomo", "data_gen"):
            raise ModuleNotFoundError(f"No module named {name!r}")

sys.meta_path.insert(0, Nowhere())
"""
"""What Dask runs first in a process that is not to know tomo."""


def test_a_worker_without_tomo_is_told(cluster, tmp_path):
    (tmp_path / "without.py").write_text(WITHOUT_TOMO)
    cluster.start_worker("--preload", str(tmp_path / "without.py"))
    with pytest.raises(MachineError, match="of the cluster has no tomo"):
        generate_survey(SPECIFICATION, tmp_path / "survey", scheduler=cluster.address)


def test_a_scheduler_without_tomo_is_told(tmp_path):
    (tmp_path / "without.py").write_text(WITHOUT_TOMO)
    cluster = Cluster("--preload", str(tmp_path / "without.py"))
    try:
        cluster.start_worker()
        with pytest.raises(MachineError, match="the scheduler of the cluster has no tomo"):
            generate_survey(SPECIFICATION, tmp_path / "survey", scheduler=cluster.address)
    finally:
        cluster.stop()


def test_workers_that_never_come_or_all_go_are_told(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr("data_gen.production.cluster.PATIENCE", 2.0)
    with pytest.raises(MachineError, match="has no workers after 2 s"):
        generate_survey(SPECIFICATION, tmp_path / "survey", scheduler=cluster.address)
    worker = cluster.start_worker()
    monkeypatch.setattr("data_gen.production.cluster.PATIENCE", 20.0)

    def kill(shots):
        monkeypatch.setattr("data_gen.production.cluster.PATIENCE", 2.0)
        worker.kill()

    with pytest.raises(MachineError, match="lost all its workers"):
        generate_survey(SPECIFICATION, tmp_path / "survey", scheduler=cluster.address, progress=kill_at_work(kill))


def kill_at_work(kill):
    """Progress that calls `kill` when the first shard has been made, and not when those of before are told of."""
    return lambda shots: kill(shots) if shots else None


def test_a_scheduler_file_stands_for_its_address(tmp_path):
    file = tmp_path / "scheduler.json"
    cluster = Cluster("--scheduler-file", str(file))
    try:
        cluster.start_worker()
        while not file.exists():
            time.sleep(0.05)
        small = SurveySpecification(ACQUISITION, models=2, train_models=1)
        generate_survey(small, tmp_path / "survey", scheduler=str(file))
    finally:
        cluster.stop()
    assert shard_path(tmp_path / "survey", 0).exists()


@pytest.mark.parametrize("content", [None, "", "[]", '{"address": 5}', "{}"])
def test_a_scheduler_file_that_is_none_is_one_line(tmp_path, content):
    file = tmp_path / "scheduler.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(DataError, match=r"scheduler\.json"):
        generate_survey(SPECIFICATION, tmp_path / "survey", scheduler=str(file))


def test_no_scheduler_is_one_line(tmp_path):
    briefly = dask.config.set({"distributed.comm.timeouts.connect": "1s"})
    with briefly, pytest.raises(MachineError, match="no Dask scheduler answers"):
        generate_survey(SPECIFICATION, tmp_path / "survey", scheduler="tcp://127.0.0.1:9")
