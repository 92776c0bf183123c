"""The command line as its user meets it: one line and exit status 2 for every mistake, and the whole main job."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import subprocess
import sys
from dataclasses import dataclass, replace

import h5py
import numpy as np
import pytest
from small_survey import write_survey

from data_gen import Survey, SurveySpecification
from data_gen.inversion.invert import Stage
from tomo.cli import main


@dataclass(frozen=True)
class Answer:
    """What a command ended with."""

    returncode: int
    stdout: str
    stderr: str


def tomo(*arguments) -> Answer:
    """Run a command in this process, which has TensorFlow already."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr),
    ):
        patch.setattr(sys, "argv", ["tomo", *map(str, arguments)])
        try:
            main()
        except SystemExit as left:
            return Answer(left.code, stdout.getvalue(), stderr.getvalue())
    raise AssertionError("a command ends with an exit status")


def tomo_alone(*arguments):
    """Run a command in a process of its own, as its user does."""
    program = "from tomo.cli import main; main()"
    return subprocess.run([sys.executable, "-c", program, *map(str, arguments)], capture_output=True, text=True)


def mistake(*arguments):
    """The one line that a mistake is answered with."""
    answer = tomo(*arguments)
    assert answer.returncode == 2, answer.stderr
    assert "Traceback" not in answer.stderr
    lines = [line for line in answer.stderr.splitlines() if line.startswith("tomo: ")]
    assert len(lines) == 1, answer.stderr
    return lines[0]


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """A small demo survey and a run of each optimizer, one on gathers and one on panels."""
    folder = tmp_path_factory.mktemp("job")
    assert tomo("generate", "--preset", "demo", "--models", 48, "--output", folder / "survey").returncode == 0
    for optimizer, network in (("adam", "cnn"), ("sqgn", "unet")):
        answer = tomo(
            "train", folder / "survey", "--optimizer", optimizer, "--network", network, "--epochs", 2,
            "--output", folder / optimizer,
        )  # fmt: skip
        assert answer.returncode == 0, answer.stderr
    return folder


def test_the_main_job(job, tmp_path):
    options = "--physics", 3, "--robustness", "--report"
    answer = tomo("evaluate", job / "adam", job / "sqgn", "--output", tmp_path, *options)
    assert answer.returncode == 0, answer.stderr
    assert "<h1>Evaluation of adam and sqgn</h1>" in (tmp_path / "report.html").read_text()
    record = json.loads((tmp_path / "scores.json").read_text(), parse_constant=pytest.fail)
    assert record["runs"]["adam"]["epochs"] == 2
    (of_survey,) = record["surveys"]
    scores = of_survey["scores"]
    assert list(scores) == ["mean model", "adam", "sqgn", "true model"]
    assert scores.pop("true model") == {"data_misfit": 0.0}
    assert all(np.isfinite(row["mse"]) and row["data_misfit"] > 0 for row in scores.values())
    with (tmp_path / "samples.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * 9
    misfits = [float(row["data_misfit"]) for row in rows if row["predictor"] == "adam" and row["data_misfit"]]
    assert len(misfits) == 3
    assert np.mean(misfits) == pytest.approx(scores["adam"]["data_misfit"])
    sweeps = json.loads((tmp_path / "robustness.json").read_text(), parse_constant=pytest.fail)
    whole = sweeps["missing_receivers"]["runs"]["adam"][0]["rmse"]
    assert whole == pytest.approx(scores["adam"]["rmse"], rel=1e-6)  # with no receiver missing, the table's own
    for figure in ("predictions", "convergence", "gathers", "physics-adam", "physics-sqgn", "robustness"):
        assert (tmp_path / f"{figure}.png").stat().st_size > 10_000


def test_a_report_of_a_refinement(job, tmp_path, monkeypatch):
    monkeypatch.setattr("data_gen.inversion.invert.SCHEDULE", (Stage(None, 2),))
    arguments = "refine", job / "sqgn", "--models", 1, "--report", "--output", tmp_path / "refined.h5"
    answer = tomo(*arguments)
    assert answer.returncode == 0, answer.stderr
    page = (tmp_path / "refined.html").read_text()
    assert "<h1>Refinement of sqgn</h1>" in page
    assert "the gathers of test models of survey" in page
    with h5py.File(tmp_path / "refined.h5") as file:
        assert f'<data value="{float(file["misfit"][0])}">' in page
    (tmp_path / "refined.html").write_text("mine")
    for written in ("h5", "png", "pdf"):
        (tmp_path / f"refined.{written}").unlink()
    assert "refined.html already exists" in mistake(*arguments)
    assert (tmp_path / "refined.html").read_text() == "mine"


def test_a_report_does_not_take_the_place_of_somebody_s_page(job, tmp_path):
    (tmp_path / "report.html").write_text("mine")
    assert "is no report of tomo's" in mistake("evaluate", job / "adam", "--output", tmp_path, "--report")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_predictions_from_somebody_s_gathers_and_how_well_they_explain_them(job, tmp_path):
    answer = tomo("predict", job / "adam", job / "survey" / "survey.h5", "--output", tmp_path / "mine.h5")
    assert answer.returncode == 0, answer.stderr
    with h5py.File(tmp_path / "mine.h5") as file:
        assert file["velocity"].shape == (48, 48, 48)
        assert 1000 < np.mean(file["velocity"]) < 5000
        velocity = file["velocity"][:5]
        assert "data_misfit" not in file
    with h5py.File(job / "survey" / "survey.h5") as file:
        pascals = 1e5 * file["gathers"][:5]
    np.save(tmp_path / "pascals.npy", pascals)
    assert "--rescale" in mistake("predict", job / "adam", tmp_path / "pascals.npy", "--output", tmp_path / "p.h5")
    answer = tomo(
        "predict", job / "adam", tmp_path / "pascals.npy", "--rescale", "--physics", 3, "--output", tmp_path / "p.h5"
    )
    assert answer.returncode == 0, answer.stderr
    assert "data misfit" in answer.stdout
    with h5py.File(tmp_path / "p.h5") as file:
        misfit = file["data_misfit"][:]
        assert np.all((misfit[:3] > 0) & (misfit[:3] < 1.5))
        assert np.all(np.isnan(misfit[3:]))
        # One factor for five models of the geology: their RMS is that of the training set to some percent.
        assert np.sqrt(np.mean((file["velocity"] - velocity) ** 2)) < 100
        np.testing.assert_allclose(file["amplitude"][:3], 1.0, atol=0.5)
    assert (tmp_path / "p.gathers.png").stat().st_size > 10_000


def test_a_network_that_reads_panels_needs_no_unit(job, tmp_path):
    with h5py.File(job / "survey" / "survey.h5") as file:
        gathers = file["gathers"][:3]
    for name, unit in (("own", 1.0), ("pascals", 1e5)):
        np.save(tmp_path / f"{name}.npy", unit * gathers)
        answer = tomo("predict", job / "sqgn", tmp_path / f"{name}.npy", "--output", tmp_path / f"{name}.h5")
        assert answer.returncode == 0, answer.stderr
    with h5py.File(tmp_path / "own.h5") as own, h5py.File(tmp_path / "pascals.h5") as pascals:
        np.testing.assert_allclose(own["velocity"], pascals["velocity"], atol=0.5)


def test_a_picture_of_the_user_s_is_not_overwritten(job, tmp_path):
    (tmp_path / "velocity.png").write_text("mine")
    arguments = "predict", job / "adam", job / "survey" / "survey.h5", "--output", tmp_path / "velocity.h5"
    assert "velocity.png already exists" in mistake(*arguments)
    assert (tmp_path / "velocity.png").read_text() == "mine"


def test_models_that_a_run_was_trained_on_are_not_scored(job, tmp_path):
    """A smaller survey of the same seed holds the larger one's first models: its test models were trained on."""
    line = Survey.open(job / "survey").acquisition
    write_survey(tmp_path / "smaller", SurveySpecification(line, 16, 13))
    assert "no test models that are new" in mistake(
        "evaluate", job / "adam", "--survey", tmp_path / "smaller", "--output", tmp_path / "scores"
    )
    write_survey(tmp_path / "larger", SurveySpecification(line, 44, 36))
    answer = tomo("evaluate", job / "adam", "--survey", tmp_path / "larger", "--output", tmp_path / "scores")
    assert answer.returncode == 0, answer.stderr
    assert "3 of 8 test models are left out" in answer.stderr
    assert "5 test models of larger" in answer.stdout


def test_another_line_is_scored_by_its_own_simulation(job, tmp_path):
    """Receivers at another depth: the same shape of gathers, but other gathers."""
    line = replace(Survey.open(job / "survey").acquisition, receiver_depth=45.0)
    write_survey(tmp_path / "deep", SurveySpecification(line, 3, 0, seed=9))
    answer = tomo(
        "evaluate", job / "sqgn", "--survey", tmp_path / "deep", "--physics", 2, "--output", tmp_path / "scores"
    )
    assert answer.returncode == 0, answer.stderr
    for of_survey in json.loads((tmp_path / "scores" / "scores.json").read_text())["surveys"]:
        assert of_survey["scores"]["true model"]["data_misfit"] == 0
    assert "another geometry" in mistake("evaluate", job / "adam", "--survey", tmp_path / "deep")


def test_somebody_elses_geology(job, tmp_path):
    models = np.clip(np.random.default_rng(0).normal(2500, 300, (200, 300)), 1600, 4400).astype(np.float32)
    np.save(tmp_path / "theirs.npy", models)
    generated = tomo(
        "generate", "--preset", "demo", "--models", 4, "--velocity-models", tmp_path / "theirs.npy",
        "--spacing", 10, "--output", tmp_path / "theirs",
    )  # fmt: skip
    assert generated.returncode == 0, generated.stderr
    answer = tomo("evaluate", job / "adam", "--survey", tmp_path / "theirs", "--output", tmp_path / "scores")
    assert answer.returncode == 0, answer.stderr
    assert "4 test models of theirs" in answer.stdout
    table = (tmp_path / "scores" / "scores.md").read_text().splitlines()
    assert table[:3] == ["|  | mean model | adam |", "| --- | --- | --- |", "| **9 test models of survey** |  |  |"]
    assert sum("**4 test models of theirs**" in line for line in table) == 1
    own, theirs = json.loads((tmp_path / "scores" / "scores.json").read_text())["surveys"]
    assert (own["survey"], own["samples"], theirs["survey"], theirs["samples"]) == ("survey", 9, "theirs", 4)
    assert own["scores"]["adam"]["rmse"] != theirs["scores"]["adam"]["rmse"]


def test_mistakes_are_one_line(job, tmp_path):
    survey, run = job / "survey", job / "adam"
    assert "preset" in mistake("generate", "--preset", "huge", "--output", tmp_path / "new")
    assert "another survey" in mistake("generate", "--preset", "demo", "--models", 5, "--output", survey)
    assert "optimizer" in mistake("train", survey, "--optimizer", "newton", "--output", tmp_path / "new")
    assert "network" in mistake("train", survey, "--network", "huge", "--output", tmp_path / "new")
    assert "another run" in mistake("train", survey, "--optimizer", "sqgn", "--network", "cnn", "--output", run)
    assert "does not exist" in mistake("train", tmp_path / "nowhere", "--output", tmp_path / "new")
    assert "too few" in mistake("train", survey, "--network", "cnn", "--batch-size", 99, "--output", tmp_path / "new")
    assert "is not a run" in mistake("evaluate", survey)
    assert "cannot be read" in mistake("predict", run, run / "history.csv", "--output", tmp_path / "p.h5")
    assert "name of an HDF5" in mistake("predict", run, survey / "survey.h5", "--output", tmp_path / "p.png")
    assert "cannot be written" in mistake(
        "predict", run, survey / "survey.h5", "--output", run / "config.json" / "p.h5"
    )
    assert "File exists" in mistake("evaluate", run, "--output", run / "config.json")
    assert tomo_alone("evaluate", survey).returncode == 2
    assert not (tmp_path / "new").exists()


def test_bad_velocity_files_are_one_line(tmp_path):
    for name, value in (("nan", np.nan), ("negative", -5.0), ("fast", 9000.0)):
        models = np.full((120, 120), 2000.0)
        models[60, 60] = value
        np.save(tmp_path / f"{name}.npy", models)
        line = mistake(
            "generate", "--preset", "demo", "--models", 2, "--velocity-models", tmp_path / f"{name}.npy",
            "--spacing", 15, "--output", tmp_path / name,
        )  # fmt: skip
        assert name in line
