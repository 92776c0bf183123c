"""The optimizer benchmark on small real files: every contender, continued where it stopped."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from data_gen.errors import DataError, SettingError
from training.benchmark.comparison import Contender, compare, failures, gradients_per_iteration, repeat, summary
from training.benchmark.problems import mnist_problem, read_idx, stability
from training.sqgn import SQGN


def test_all_contenders_are_compared_and_continued(digits, tmp_path):
    problem = mnist_problem(digits, batch_size=20)
    file = tmp_path / "results" / "mnist.json"
    results = compare(problem, range(1), 2, file, rounds=2)
    assert [row["contender"] for row in results["repetitions"]] == ["adam", "sqgn-reference", "sqgn"]
    saved = json.loads(file.read_text())
    saved["repetitions"].pop()
    file.write_text(json.dumps(saved))
    again = []
    continued = compare(problem, range(1), 2, file, rounds=2, progress=again.append)
    assert len(again) == 1
    assert again[0].startswith("sqgn, seed 0")
    assert continued["repetitions"][2]["loss"] == pytest.approx(results["repetitions"][2]["loss"], rel=1e-4)
    rows = summary(continued)
    assert continued["cost"] == results["cost"]
    assert all(len(row["seconds_per_iteration"]) == 2 for row in results["cost"].values())
    assert rows["adam"]["cost_beside_adam"] == 1.0 < rows["sqgn-reference"]["cost_beside_adam"]
    assert rows["sqgn"]["gradients_per_iteration"] == pytest.approx(gradients_per_iteration(SQGN(), 10))
    with pytest.raises(DataError, match="another comparison"):
        compare(problem, range(1), 3, file)
    other = replace(problem, contenders={**problem.contenders, "sqgn": lambda: SQGN(history=5)})
    with pytest.raises(DataError, match="sqgn with other settings"):
        compare(other, range(1), 2, file)


def test_stability_counts_what_diverged_and_what_got_stuck(digits, tmp_path):
    problem = stability(mnist_problem(digits, batch_size=50))
    assert len(problem.contenders) == 12
    file = tmp_path / "stability.json"
    results = compare(problem, range(2), 2, file, only=["none 0.1"], rounds=0)
    found = failures(results, 0.55)["none 0.1"]
    assert (found["repetitions"], found["diverged"]) == (2, 0)
    assert found["most_epochs"] == 2
    for row in results["repetitions"]:
        assert len(row["loss"]) == len(row["gradients"]) == (1 if row["score"][0] >= 0.55 else 2)
    results["repetitions"][0].update(loss=[None], score=[0.1])
    found = failures(results, 0.55)["none 0.1"]
    assert (found["diverged"], found["stuck"] >= 1) == (1, True)
    with pytest.raises(SettingError, match="unknown contender"):
        compare(problem, range(1), 2, file, only=["none 0.2"], rounds=0)


def test_a_training_ends_with_the_first_epoch_that_is_enough(digits):
    problem = replace(mnist_problem(digits, batch_size=50), enough=0.0)
    assert len(repeat(Contender(problem, "sqgn"), 0, 3)["loss"]) == 1


@pytest.mark.parametrize("name", ["adam", "sqgn", "saga 0.1", "storm 0.1"])
def test_a_contender_starts_anew_from_each_seed(digits, name):
    """Its second training is as that of one that never trained before: nothing is left of the first."""
    problem = mnist_problem(digits, batch_size=50)
    problem = replace(problem, contenders={**problem.contenders, **stability(problem).contenders})
    used = Contender(problem, name)
    first = repeat(used, 0, 2)
    second, fresh = repeat(used, 1, 2), repeat(Contender(problem, name), 1, 2)
    assert second["loss"] == pytest.approx(fresh["loss"], rel=1e-4)
    assert first["loss"] != pytest.approx(fresh["loss"], rel=1e-3)


def test_gradients_are_counted_as_algorithm_1_spends_them():
    """One at w_k, one at the snapshot, a full gradient every K = 10 of 60 mini-batches, and the product."""
    assert gradients_per_iteration(SQGN.reference(full_gradient_interval=10), 60) == pytest.approx(1 + 1 + 6 + 5 / 3)
    thrifty = SQGN(variance_reduction="cached", curvature_fraction=0.25, curvature_interval=2)
    assert gradients_per_iteration(thrifty, 8) == pytest.approx(1 + 7 / 8 + 5 / 3 / 8)


@pytest.mark.parametrize(("raw_pixels", "brightest"), [(False, 1.0), (True, 255.0)])
def test_pixels_are_scaled_or_raw(digits, raw_pixels, brightest):
    problem = mnist_problem(digits, batch_size=200, raw_pixels=raw_pixels)
    images, _ = next(iter(problem.partition(0).dataset(SQGN()).as_numpy_iterator()))
    test, _ = problem.validation()[0]["validation_data"]
    assert images.max() == test.max() == brightest


def test_choices_are_made_on_training_images_left_out_of_the_training(digits):
    problem = mnist_problem(digits, batch_size=1, validation=True)
    kept, labels = problem.validation()[0]["validation_data"]
    whole, _ = mnist_problem(digits, batch_size=200).partition(0).read(np.arange(200), 0)
    trained = problem.partition(0)
    assert (len(kept), len(labels), len(trained)) == (33, 33, 167)
    assert np.array_equal([*trained.read(np.arange(167), 0)[0], *kept], whole)


def test_files_that_are_not_idx_are_named(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read_idx(tmp_path / "train-images-idx3-ubyte")
    (tmp_path / "cut").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 9, 1]))
    with pytest.raises(DataError, match="not an IDX file"):
        read_idx(tmp_path / "cut")
