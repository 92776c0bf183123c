"""Surveys and trainings that grow: the first models stay the same bytes, and what was trained on is still known."""

from __future__ import annotations

import shutil

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from data_gen.errors import DataError
from data_gen.survey.reader import Survey
from data_gen.survey.specification import shard_path
from tomo.cli import app
from training.archive import load_network, read_card
from training.evaluation.evaluate import untouched
from training.origin import Start
from training.predictor import load_predictor
from training.runs import Run, begin_run, open_run
from training.start import source_of
from training.trained import open_trained

LINE = ("--grid", "40x40", "--sources", 3, "--receivers", 16, "--samples", 50)


def tomo(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


def done(*arguments) -> str:
    answer = tomo(*arguments)
    assert answer.exit_code == 0, answer.exception
    return answer.output + answer.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A survey of 20 models with a run, that has then grown to 36; its shards of before are kept beside it, and the run
    as it was after its first epoch."""
    folder = tmp_path_factory.mktemp("growing")
    generate(folder / "survey", 20)
    done("train", folder / "survey", "--epochs", 1, "--views", 2, "--output", folder / "run")
    shutil.copytree(folder / "run", folder / "first")
    assert "epoch 2 of 2" in done("train", folder / "survey", "--epochs", 2, "--views", 2, "--output", folder / "run")
    shutil.copytree(folder / "survey" / "shards", folder / "before")
    assert "16 models are added to the 20 that are there" in generate(folder / "survey", 36)
    return folder


def generate(folder, models) -> str:
    return done("generate", *LINE, "--models", models, "--workers", 1, "--output", folder)


def test_the_first_models_of_a_survey_that_has_grown_are_the_same(folder):
    grown = Survey.open(folder / "survey")
    assert (len(grown), len(grown.train)) == (36, 29)
    assert (folder / "before" / "00000.h5").read_bytes() == shard_path(folder / "survey", 0).read_bytes()
    with h5py.File(folder / "before" / "00001.h5") as before:
        np.testing.assert_array_equal(grown.gathers(range(16, 20)), before["gathers"][()])
        np.testing.assert_array_equal(grown.velocity(range(16, 20)), before["velocity"][()])
    grown.verify()
    assert "36, 29 of them for training; grown from 20" in done("info", folder / "survey")
    for other in (("--models", 20), ("--models", 40, "--seed", 1)):
        answer = tomo("generate", *LINE, *other, "--output", folder / "survey")
        assert "another survey" in str(answer.exception)


def test_a_growth_that_was_interrupted_is_finished_with_the_same_bytes(folder, tmp_path):
    shutil.copytree(folder / "survey", tmp_path / "survey")
    shutil.rmtree(tmp_path / "survey" / "shards")
    shutil.copytree(folder / "before", tmp_path / "survey" / "shards")  # killed before the first new shard
    generate(tmp_path / "survey", 36)
    for shard in range(3):
        assert shard_path(tmp_path / "survey", shard).read_bytes() == shard_path(folder / "survey", shard).read_bytes()


def test_a_run_of_the_smaller_survey_is_scored_on_models_that_are_new_to_it(folder):
    run, survey = open_run(folder / "run"), Survey.open(folder / "survey")
    assert run.find_survey().identity() == survey.identity()
    np.testing.assert_array_equal(untouched(survey, [open_trained(run.folder)]), np.arange(29, 36))
    predictor = load_predictor(folder / "run")
    velocity = predictor.predict_models(survey, np.array([19, 30]))  # of 19 panels were made before
    assert velocity.shape == (2, 40, 40)
    assert np.isfinite(velocity).all()
    longer = tomo("train", folder / "survey", "--epochs", 2, "--views", 2, "--output", folder / "run")
    assert "was begun before" in str(longer.exception)
    assert "--from" in str(longer.exception)


def test_from_begins_with_another_run_s_weights_and_knows_its_training_models(folder, tmp_path):
    arguments = (
        "train", folder / "survey", "--from", folder / "run", "--epochs", 1, "--views", 2, "--learning-rate", 1e-9,
        "--output", tmp_path / "fine",
    )  # fmt: skip
    done(*arguments)
    fine, before = open_run(tmp_path / "fine"), open_run(folder / "run")
    assert before.trained_on() < fine.trained_on()
    assert (fine.start.name, fine.start.known) == ("run", True)
    assert read_card(fine.model_file).panels == read_card(before.model_file).panels
    for ours, theirs in zip(*(load_network(run.model_file).get_weights() for run in (fine, before)), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert "already trained" in done(*arguments)
    other = tomo(
        "train", folder / "survey", "--from", folder / "run", "--network", "unet-large", "--output", tmp_path / "x"
    )
    assert "give --network unet" in str(other.exception)
    assert not (tmp_path / "x").exists()
    elsewhere = tomo("train", folder / "survey", "--from", "pretrained", "--output", tmp_path / "x")
    assert "pretrained was trained on another geometry" in str(elsewhere.exception)


def test_of_an_archive_alone_the_training_models_are_unknown(folder, tmp_path):
    shutil.copy(folder / "run" / "model.keras", tmp_path / "alone.keras")
    source = source_of(str(tmp_path / "alone.keras"))
    assert source.trained_on is None
    assert source_of(str(folder / "run")).trained_on == open_run(folder / "run").trained_on()
    run = begin_run(tmp_path / "fine", open_run(folder / "run").settings, Survey.open(folder / "survey"), source)
    assert begin_run(run.folder, run.settings, Survey.open(folder / "survey")).start == Start(
        name="alone.keras", known=False
    )
    with pytest.raises(DataError, match="did not begin with run"):
        begin_run(run.folder, run.settings, Survey.open(folder / "survey"), source_of(str(folder / "run")))


def test_a_finished_run_goes_on_from_its_weights(folder):
    first, longer = open_run(folder / "first"), open_run(folder / "run")
    check_goes_on(first.history(), longer, state=False)
    best = [load_network(run.model_file).get_weights() for run in (first, longer)]
    same = all(np.array_equal(a, b) for a, b in zip(*best, strict=True))
    assert same == (longer.history()["val_objective"][1] >= first.history()["val_objective"][0])


def test_a_finished_run_goes_on_with_its_optimizer_s_state_if_that_was_kept(folder, tmp_path):
    command = ("train", folder / "survey", "--views", 2, "--output", tmp_path / "run", "--keep-checkpoint")
    done(*command, "--epochs", 1)
    before = open_run(tmp_path / "run").history()
    assert "epoch 1 of 2" not in done(*command, "--epochs", 2)
    longer = open_run(tmp_path / "run")
    check_goes_on(before, longer, state=True)
    assert "already trained" in done(*command, "--epochs", 2)
    assert "another run" in str(tomo(*command, "--epochs", 1).exception)
    longer.model_file.unlink()
    assert "is not finished: continue it with --epochs 2" in str(tomo(*command, "--epochs", 3).exception)


def check_goes_on(before: dict, longer: Run, state: bool) -> None:
    assert (longer.settings.epochs, longer.start.epochs, longer.start.state) == (2, 1, state)
    assert longer.scheduled_epochs == (2 if state else 1)
    history = longer.history()
    assert history["epoch"] == [0, 1]
    assert history["loss"][:1] == before["loss"]
    assert history["seconds"] == sorted(history["seconds"])
