"""Surveys on disk: to the bit for any number of workers and any kill, readable by others, never half written."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import h5py
import numpy as np
import pytest
import xarray

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError, MachineError, TomoError
from data_gen.files import TEMPORARY
from data_gen.grid import Grid
from data_gen.production.generate import generate_survey
from data_gen.survey.reader import Survey
from data_gen.survey.specification import SurveySpecification, shard_path
from data_gen.velocity.files import register

ACQUISITION = Acquisition(Grid(32, 32, 15.0), sources=3, receivers=16, samples=60, sample_interval=0.008)
SPECIFICATION = SurveySpecification(ACQUISITION, models=72, train_models=60, seed=3)
GENERATE = """
import sys
sys.path.insert(0, {tests!r})
from test_generate import SPECIFICATION, generate_survey
if __name__ == "__main__":
    generate_survey(SPECIFICATION, sys.argv[1], workers=int(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "survey"
    generate_survey(SPECIFICATION, folder, workers=1)
    return folder


def contents(folder):
    opened = Survey.open(folder)
    everything = np.arange(len(opened))
    return opened.gathers(everything).tobytes(), opened.velocity(everything).tobytes()


@pytest.mark.slow
def test_twenty_kills_lose_nothing(survey, tmp_path):
    """`kill -9` of the whole process group at random moments, then once more to the end: equal to the bit."""
    script = tmp_path / "generate.py"
    script.write_text(GENERATE.format(tests=os.path.dirname(__file__)))
    folder = tmp_path / "survey"
    rng = random.Random(0)
    for _ in range(20):
        process = subprocess.Popen([sys.executable, script, folder, "2"], start_new_session=True)
        time.sleep(rng.uniform(0.5, 9.0))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run([sys.executable, script, folder, "2"], check=True)
    assert contents(folder) == contents(survey)
    assert not list(folder.rglob(f"{TEMPORARY}*"))


def test_h5py_and_xarray_see_named_dimensions_and_units(survey):
    opened = Survey.open(survey)
    with h5py.File(survey / "survey.h5") as file:
        np.testing.assert_array_equal(file["gathers"][70], opened.gathers([70])[0])
    with xarray.open_dataset(survey / "survey.h5", engine="h5netcdf") as data:
        assert data.gathers.dims == ("model", "source", "receiver", "time")
        assert data.velocity.dims == ("model", "depth", "x")
        assert data.velocity.attrs["units"] == "m/s"
        np.testing.assert_allclose(data.time, ACQUISITION.time)
        np.testing.assert_allclose(data.depth, ACQUISITION.grid.depth)


def test_gathers_are_those_of_the_velocity_models(survey):
    from data_gen.simulator.acoustic import Simulator

    opened = Survey.open(survey)
    np.testing.assert_array_equal(Simulator(ACQUISITION).gather(opened.velocity([17])[0]), opened.gathers([17])[0])


def test_float16_gathers_are_near(survey, tmp_path):
    """A scale per model uses float16's full range: 11 bits of mantissa, an error of at most 2^-11 of each sample."""
    generate_survey(replace(SPECIFICATION, models=4, train_models=4, dtype="float16"), tmp_path / "half", workers=1)
    exact, half = Survey.open(survey), Survey.open(tmp_path / "half")
    norms = [np.linalg.norm(row) for row in exact.gathers(range(4))]
    errors = [np.linalg.norm(row) for row in half.gathers(range(4)) - exact.gathers(range(4))]
    assert max(errors) < 2.0**-11 * min(norms)
    assert half.quantization_error() == pytest.approx(max(np.divide(errors, norms)), rel=1e-3)
    assert exact.quantization_error() == 0


def test_a_damaged_survey_is_named_and_mended(survey, tmp_path):
    """A shard is missing and another one cut."""
    folder = tmp_path / "survey"
    shutil.copytree(survey, folder)
    os.truncate(shard_path(folder, 3), shard_path(folder, 3).stat().st_size // 2)
    with pytest.raises(DataError, match="00003"):
        Survey.open(folder)
    shard_path(folder, 2).unlink()
    with pytest.raises(DataError, match="00002"):
        Survey.open(folder)
    generate_survey(SPECIFICATION, folder, workers=1)
    assert contents(folder) == contents(survey)


def test_a_survey_that_no_disk_holds_is_refused_before_it_is_begun(tmp_path):
    """3.6 petabytes."""
    dense = replace(ACQUISITION, receivers=2000, samples=3000)
    with pytest.raises(MachineError, match=r"needs 3,6\d\d,\d{3}\.\d GB more, and its disk has"):
        generate_survey(SurveySpecification(dense, 10**8, 0, dtype="float16"), tmp_path / "survey", workers=1)
    assert not list((tmp_path / "survey" / "shards").iterdir())


def test_the_room_is_that_of_the_files(survey):
    """Of small models a good part is HDF5's own, and their parameters."""
    size = sum(path.stat().st_size for path in (survey / "shards").iterdir())
    assert SPECIFICATION.models * SPECIFICATION.bytes_per_model == pytest.approx(size, rel=0.3)
    assert SPECIFICATION.models * SPECIFICATION.bytes_per_model < size


def test_velocities_that_do_not_suit_are_told_before_a_folder_is_made(tmp_path):
    """A spacing of kilometres would be an array of billions of cells in each worker."""
    np.save(tmp_path / "velocity.npy", np.full((200, 300), 2000.0))
    for spacing, told in ((5000.0, "is its spacing really 5000 m"), (0.01, "the survey needs")):
        files = (register(tmp_path / "velocity.npy", spacing),)
        with pytest.raises(TomoError, match=told):
            generate_survey(replace(SPECIFICATION, velocity_files=files), tmp_path / "survey", workers=1)
    assert not (tmp_path / "survey").exists()


def test_another_survey_in_the_folder_is_kept(survey):
    with pytest.raises(DataError, match="another survey"):
        generate_survey(replace(SPECIFICATION, seed=4), survey, workers=1)


def test_a_survey_begun_with_another_simulator_is_not_finished_with_this_one(survey, tmp_path):
    folder = tmp_path / "survey"
    shutil.copytree(survey, folder)
    record = json.loads((folder / "survey.json").read_text())
    record["simulation"]["boundary"]["cells"] += 1
    (folder / "survey.json").write_text(json.dumps(record))
    generate_survey(SPECIFICATION, folder, workers=1)  # nothing is missing
    shard_path(folder, 0).unlink()
    with pytest.raises(DataError, match="simulates otherwise"):
        generate_survey(SPECIFICATION, folder, workers=1)


def test_no_survey_is_one_line(tmp_path):
    with pytest.raises(DataError, match="no survey"):
        Survey.open(tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        Survey.open(tmp_path / "nowhere")


def test_without_a_compiler_no_folder_is_made(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MachineError, match="gcc"):
        generate_survey(SPECIFICATION, tmp_path / "survey", workers=1)
    assert list(tmp_path.iterdir()) == []
