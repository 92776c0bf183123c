"""The paper's tables: every row has a training, and ours are counted, averaged and continued."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from data_gen.errors import DataError, MachineError, SettingError
from data_gen.files import locked
from training.benchmark.paper import MNIST, TOMOGRAPHY
from training.benchmark.paper_tables import cells, header, summary
from training.benchmark.reproduction import costs, reproduce
from training.benchmark.trainings import salt_spread


def test_every_row_has_a_training():
    for experiment in (MNIST, TOMOGRAPHY):
        shown = {row.training for table in experiment.tables.values() for row in table.rows}
        assert shown == set(experiment.trainings)
        assert {name for row in experiment.panels for name in row if name} <= set(experiment.titles)
    assert list(MNIST.chosen(())) == list(MNIST.trainings)
    assert MNIST.chosen(["section-6.1.4", "sgd"]) == ["sgd", "sqgn-reference", "sqgn-reference-plain"]
    with pytest.raises(SettingError, match="unknown table or training 'lbfgs'"):
        MNIST.chosen(["lbfgs"])


def row(name, seed, loss, score, iterations=60):
    return {
        "training": name, "seed": seed, "loss": loss, "score": score, "device": "CPU", "iterations": iterations,
        "gradients_per_iteration": 1.0,
    }  # fmt: skip


def test_what_diverged_or_got_stuck_is_counted_and_left_out():
    rows = [
        {"cost_of": ["adam", "sgd"], "seconds_per_iteration": {"adam": [0.03, 0.04, 0.09], "sgd": [0.15]}},
        row("adam", 0, [1.0, 0.1], [0.8, 0.97]),
        row("adam", 1, [1.0, 0.2], [0.8, 0.95]),
        row("adam", 2, [1.0, 2.3], [0.8, 0.1]),
        row("adam", 3, [1.0, None], [0.8, 0.1]),
        row("sgd", 0, [2.3], [0.1]),
    ]
    table = MNIST.tables["table-1"]
    found = {cell[0]: cell for cell in cells(MNIST, table, {"rows": rows})}
    assert all(len(each) == len(header(MNIST)) for each in found.values())
    assert found["Adam"] == [
        "Adam", "0.088", "0.150", "0.150, 2", "97.3 %", "96.0 %", "7", "40", "1.0", "4, 1 diverged, 1 stuck",
    ]  # fmt: skip
    assert found["SGD"][2:] == ["2.300", "2.300, 1", "95.5 %", "10.0 %", "7", "150", "1.0", "1, all stuck"]
    assert found["SVRG"] == ["SVRG", "0.147", "–", "–", "95.3 %", "–", "39", "–", "–", "–"]
    assert summary(MNIST, {"rows": rows}, "sqgn") is None
    rows = [
        row("sqgn", 0, [1.5e9, 8.43e8], [0.5, 0.7], 8),
        row("sqgn", 1, [3.08e9, 3.07e9], [0.77, 0.77], 8),  # the mean model's
        row("adam-0.001", 0, [3.08e9], [0.77], 8),  # a look of one epoch
    ]
    (_, adam, _, ours) = cells(TOMOGRAPHY, TOMOGRAPHY.tables["table-4"], {"rows": rows})
    assert ours[:6] == ["SQGN", "–", "8.43e8", "8.43e8, 2", "–", "0.700"]
    assert (ours[-1], adam[-1]) == ("2, 1 stuck", "1")


def timed(names: list) -> dict:
    return {"seconds_per_iteration": {name: [1.0, 2.0, 9.0] for name in names}}


def made(name: str, seed: int, epochs: int) -> dict:
    return row(name, seed, [0.5] * epochs, [0.9] * epochs)


def test_results_are_continued_and_those_of_something_else_refused(tmp_path):
    file, told = tmp_path / "paper.json", []
    folder = tmp_path / "paper-unfinished"

    def go(seeds, epochs=2, experiment=MNIST, data=None):
        def work(name, seed, epochs, checkpoint):
            return made, (name, seed, epochs)

        return reproduce(
            experiment,
            data or {},
            work,
            lambda names: (timed, (list(names),)),
            ["sgd"],
            seeds,
            epochs,
            file,
            1,
            told.append,
        )

    go(1)
    assert not folder.exists()
    assert go(2) == json.loads(file.read_text())
    assert [each.get("seed") for each in told] == [None, 0, 1]
    assert costs(go(2)) == {"sgd": 2.0}
    folder.mkdir()
    with locked(folder, "tomo benchmark paper"), pytest.raises(MachineError, match="another tomo benchmark paper"):
        go(2)
    for change in ({"epochs": 3}, {"data": {"survey": "a"}}, {"experiment": replace(MNIST, name="other")}):
        with pytest.raises(DataError, match="other data or of other epochs"):
            go(2, **change)
    other = replace(MNIST, trainings={**MNIST.trainings, "sgd": replace(MNIST.trainings["sgd"], rate=1.0)})
    with pytest.raises(DataError, match="sgd with other settings"):
        go(2, experiment=other)


def test_models_with_salt_are_spread_over_its_area():
    velocity = np.full((9, 4, 4), 2000.0)
    for number in range(1, 9):
        velocity[number].flat[: 2 * ((5 * number) % 8 + 1)] = 4500.0
    area = (velocity[salt_spread(velocity, 4)] > 4000).sum(axis=(1, 2))
    assert list(area) == [4, 8, 12, 16]
    assert len(salt_spread(velocity[:1], 4)) == 1
