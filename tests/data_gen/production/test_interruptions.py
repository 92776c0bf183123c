"""Dead workers, a full disk, Ctrl-C, a second generator, a flipped byte: nothing lost, one line said."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError, MachineError
from data_gen.grid import Grid
from data_gen.production.generate import generate_survey
from data_gen.survey.checked import USER_BLOCK, is_whole, verify
from data_gen.survey.reader import Survey
from data_gen.survey.specification import SurveySpecification, shard_path

ACQUISITION = Acquisition(Grid(40, 40, 15.0), sources=4, receivers=32, samples=80, sample_interval=0.008)
SPECIFICATION = SurveySpecification(ACQUISITION, models=48, train_models=40, seed=9)
TOMO = [sys.executable, "-c", "from tomo.cli import main; main()", "generate", "--preset", "demo", "--workers", "1"]


def workers():
    """The worker processes of this one."""
    pids = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()
    return [
        int(pid) for pid in pids if b"data_gen.production.worker import" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def listen_to_ctrl_c():
    """What the shell that started the tests may have switched off: it does so for jobs in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("survey") / "whole"
    generate_survey(SPECIFICATION, folder, workers=2)
    return folder


def gathers(folder):
    return Survey.open(folder).gathers(np.arange(SPECIFICATION.models))


def test_a_killed_worker_is_replaced_and_its_shots_made_again(whole, tmp_path):
    told = []

    def kill_once(shots):
        told.append(shots)
        if len(told) == 6:
            os.kill(workers()[0], signal.SIGKILL)

    generate_survey(SPECIFICATION, tmp_path / "survey", workers=1, progress=kill_once)
    np.testing.assert_array_equal(gathers(tmp_path / "survey"), gathers(whole))
    assert min(told) < 0
    assert sum(told) == SPECIFICATION.models * ACQUISITION.sources


def test_three_deaths_on_a_shard_name_the_model(tmp_path):
    """Every worker is killed when two models of the first shard are done: it was at model 1 or a later one."""
    made = []

    def kill(shots):
        if shots < 0:
            made.clear()  # a new worker begins
        made.extend([shots] if shots > 0 else [])
        if len(made) >= 2:
            for worker in workers():
                os.kill(worker, signal.SIGKILL)

    with pytest.raises(MachineError, match=r"3 workers died making shard 0.*model [1-9].*signal 9"):
        generate_survey(SPECIFICATION, tmp_path / "survey", workers=1, progress=kill)
    assert not workers()


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(tmp_path):
    """A limit on the size of files stands for the disk: writing fails in the middle of the first shard."""
    run = subprocess.run(
        [*TOMO, "--models", "16", "--output", tmp_path / "survey"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000)),
        capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 2
    assert "00000.h5 cannot be written" in run.stderr
    assert "Traceback" not in run.stderr
    assert not list((tmp_path / "survey" / "shards").iterdir())


def test_a_folder_that_cannot_be_written_to_is_one_line(tmp_path):
    (tmp_path / ".lock").mkdir()
    with pytest.raises(MachineError, match="cannot be written to"):
        generate_survey(SPECIFICATION, tmp_path)


def test_ctrl_c_ends_within_seconds_and_says_how_to_continue(tmp_path):
    command = [*TOMO, "--models", "640", "--output", str(tmp_path / "survey")]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=listen_to_ctrl_c
    )
    while not list(tmp_path.rglob("00000.h5")):
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=5)[1]
    assert process.returncode == 130
    assert "the same command continues" in said
    assert "Traceback" not in said


def test_a_second_generator_is_refused(tmp_path):
    refused = []

    def begin_another(shots):
        if not refused:
            with pytest.raises(MachineError, match="another tomo generate") as caught:
                generate_survey(SPECIFICATION, tmp_path / "survey", workers=1)
            refused.append(caught)

    few = replace(SPECIFICATION, models=2, train_models=2)
    generate_survey(few, tmp_path / "survey", workers=1, progress=begin_another)
    assert refused


@pytest.mark.parametrize("place", ["header", "gathers", "end"])
def test_verification_finds_a_flipped_byte(whole, tmp_path, place):
    shard = tmp_path / "shard.h5"
    content = bytearray(shard_path(whole, 1).read_bytes())
    content[{"header": USER_BLOCK - 1, "gathers": len(content) // 2, "end": -1}[place]] ^= 1
    shard.write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        verify(shard)
    verify(shard_path(whole, 1))


def test_a_folder_of_other_things_is_kept(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(DataError, match="not empty"):
        generate_survey(SPECIFICATION, tmp_path, workers=1)
    assert (tmp_path / "letter.txt").read_text() == "dear"


def test_shards_are_equal_to_the_byte(whole, tmp_path):
    """Not only their content: the files, so that checksums of copies made elsewhere can be compared."""
    generate_survey(SPECIFICATION, tmp_path / "survey", workers=1)
    for shard in range(SPECIFICATION.shards):
        assert shard_path(whole, shard).read_bytes() == shard_path(tmp_path / "survey", shard).read_bytes()


def test_folders_and_files_where_the_user_stands_are_not_taken_for_modules(tmp_path):
    for name in ("data_gen", "training", "models"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('the user's own')")
    for name in ("signal", "random", "socket", "numpy"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('the user's own')")
    tomo = Path(sys.executable).with_name("tomo")
    run = subprocess.run(
        [tomo, "generate", "--preset", "demo", "--models", "2", "--output", "survey"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert is_whole(shard_path(tmp_path / "survey", 0))
