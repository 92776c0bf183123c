"""`tomo benchmark paper`: tables and pictures of what is there already; nothing is trained again."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
from typer.testing import CliRunner

from data_gen.errors import DataError
from data_gen.survey.reader import Survey
from tomo.cli import app
from training.benchmark.paper import MNIST, TOMOGRAPHY
from training.benchmark.reproduction import predictions_file


def finished(experiment, name, data, file):
    """A file of results with one training of two epochs."""
    row = {
        "training": name, "seed": 0, "loss": [0.5, 0.25], "score": [0.8, 0.9], "device": "CPU",
        "rollbacks": 0.0, "iterations": 60, "gradients_per_iteration": 1.0,
    }  # fmt: skip
    results = {
        "problem": experiment.name, "data": data, "epochs": 2, "machine": {},
        "rows": [{"cost_of": [name], "seconds_per_iteration": {name: [0.032]}}, row],
        "trainings": {name: dataclasses.asdict(experiment.trainings[name])},
    }  # fmt: skip
    file.write_text(json.dumps(results))


def run(*arguments) -> str:
    done = CliRunner().invoke(app, ["benchmark", "paper", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done.output


def test_mnist_is_shown(tmp_path):
    file = tmp_path / "paper.json"
    finished(MNIST, "sgd", {"raw_pixels": True}, file)
    said = run("mnist", "--data", tmp_path, "--output", file, "--only", "sgd", "--seeds", "1", "--epochs", "2")
    for part in ("Table 1: baseline, 2 epochs", "Table 3", "0.141", "0.250", "90.0 %", "32"):
        assert part in said
    assert file.with_suffix(".png").stat().st_size > 0
    assert file.with_suffix(".pdf").stat().st_size > 0


def test_tomography_is_shown_with_a_model(tmp_path, plain_survey):
    survey = Survey.open(plain_survey(tmp_path / "survey"))
    file = tmp_path / "paper.json"
    data = {"survey": survey.name, "identity": survey.identity(), "network": "cnn-demo"}
    finished(TOMOGRAPHY, "adam-0.01", data, file)
    index = survey.test[:3]
    velocity = survey.velocity(index)
    np.savez(predictions_file(file, "adam-0.01"), index=index, reference=velocity, prediction=velocity + 50)
    options = ("--output", file, "--only", "adam-0.01", "--seeds", "1", "--epochs", "2")
    said = run("tomography", "--data", survey.folder, *options)
    assert "Table 4, 2 epochs" in said
    assert "8.7e8" in said
    assert (tmp_path / "paper-models.png").exists()


def test_without_the_data_nothing_is_begun(tmp_path):
    command = ["benchmark", "paper", "mnist", "--data", str(tmp_path), "--output", str(tmp_path / "r.json")]
    answer = CliRunner().invoke(app, command)
    assert isinstance(answer.exception, DataError)
    assert list(tmp_path.iterdir()) == []
