"""Jobs side by side in real processes: continued, killed, interrupted, and none left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data_gen.errors import DataError, MachineError
from data_gen.machine import ONE_THREAD
from training.benchmark.side_by_side import Job, alone, side_by_side


def environment(seed: int) -> dict:
    return {"square": seed**2, "threads": {name: os.environ[name] for name in ONE_THREAD}, "pid": os.getpid()}


def refuse(seed: int) -> dict:
    raise DataError(f"no data for {seed}") if seed else ZeroDivisionError("seed")


def sleep(folder: str, seed: int = 0) -> dict:
    Path(folder, str(seed)).write_text(str(os.getpid()))
    time.sleep(60)
    return {}


def die(seed: int) -> dict:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def prepared() -> None:
    os.environ["OMP_NUM_THREADS"] = "prepared"


def jobs(seeds, work=environment):
    return [Job({"contender": "a", "seed": seed}, work, (seed,)) for seed in seeds]


def is_gone(pid: int) -> bool:
    """Whether a process is no more, or only waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def wait_until(condition) -> None:
    for _ in range(200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("waited ten seconds")


def test_each_job_has_a_process_of_one_thread_and_a_row_that_is_kept(tmp_path):
    file, told = tmp_path / "rows.json", []
    results = side_by_side(jobs([2, 3]), {"problem": "p", "rows": []}, file, 2, told.append, prepared)
    assert json.loads(file.read_text()) == results
    assert sorted((row["seed"], row["square"]) for row in told) == [(2, 4), (3, 9)]
    for row in told:
        assert row["threads"] == {**ONE_THREAD, "OMP_NUM_THREADS": "prepared"}
        wait_until(lambda pid=row["pid"]: is_gone(pid))
    assert len({row["pid"] for row in told} | {os.getpid()}) == 3
    told.clear()
    again = side_by_side(jobs([2, 3, 4]), json.loads(file.read_text()), file, 1, told.append)
    assert [row["seed"] for row in told] == [4]
    assert json.loads(file.read_text())["rows"] == again["rows"]
    assert len(again["rows"]) == 3


def test_a_key_is_compared_as_json_keeps_it():
    assert Job({"sizes": (1, 2)}, environment, ()).is_done([{"sizes": [1, 2], "loss": 3}])
    assert not Job({"sizes": (1, 2), "rate": None}, environment, ()).is_done([{"sizes": [1, 2]}])


def test_what_a_job_raises_is_raised_and_the_rows_before_stay(tmp_path):
    file = tmp_path / "rows.json"
    with pytest.raises(DataError, match="no data for 1"):
        side_by_side([*jobs([0]), *jobs([1], refuse)], {"rows": []}, file)
    assert [row["seed"] for row in json.loads(file.read_text())["rows"]] == [0]
    with pytest.raises(MachineError, match="ZeroDivisionError: seed") as caught:
        side_by_side(jobs([0], refuse), {"rows": []}, file)
    assert "in refuse" in caught.value.trace


def test_a_killed_process_is_one_line_and_the_rows_before_stay(tmp_path):
    file = tmp_path / "rows.json"
    with pytest.raises(MachineError, match=r"the process of contender a, seed 1 was killed, signal 9"):
        side_by_side([*jobs([0]), *jobs([1], die), *jobs([2])], {"rows": []}, file)
    assert [row["seed"] for row in json.loads(file.read_text())["rows"]] == [0]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=lambda how: how.name)
def test_no_process_outlives_its_parent(tmp_path, how):
    program = f"""
import signal, sys
sys.path[:] = {sys.path!r}
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
from test_side_by_side import sleep
from training.benchmark.side_by_side import Job, side_by_side
jobs = [Job({{"seed": seed}}, sleep, ({str(tmp_path)!r}, seed)) for seed in (0, 1, 2)]
side_by_side(jobs, {{"rows": []}}, Path({str(tmp_path)!r}, "rows.json"), 2)
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)
    files = [tmp_path / "0", tmp_path / "1"]
    wait_until(lambda: all(file.exists() and file.read_text() for file in files))
    children = [int(file.read_text()) for file in files]
    assert not any(map(is_gone, children))
    parent.send_signal(how)
    said = parent.communicate(timeout=5)[1]
    assert ("KeyboardInterrupt" in said) == (how == signal.SIGINT)
    wait_until(lambda: all(map(is_gone, children)))
    assert not (tmp_path / "2").exists()


def test_a_file_is_written_by_one_and_the_folder_beside_it_stays_for_what_is_unfinished(tmp_path):
    with alone(tmp_path / "r.json", "benchmark") as folder:
        with (
            pytest.raises(MachineError, match="another benchmark is writing"),
            alone(tmp_path / "r.json", "benchmark"),
        ):
            raise AssertionError
        (folder / "half").touch()
    assert [path.name for path in folder.iterdir() if path.name != ".lock"] == ["half"]
    (folder / "half").unlink()
    with pytest.raises(ZeroDivisionError), alone(tmp_path / "r.json", "benchmark"):
        1 / 0  # noqa: B018
    assert not folder.exists()
