"""The race of optimizers: its tasks against calculus, its trainings and its bookkeeping on a problem of seconds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from data_gen.errors import DataError, SettingError
from training.benchmark.cost import in_turn
from training.benchmark.rivals import race as race_module
from training.benchmark.rivals import training as training_module
from training.benchmark.rivals.autoencoder import PixelCrossEntropy, autoencoder, autoencoder_problem, squared_error
from training.benchmark.rivals.burgers import VISCOSITY, BurgersResidual, burgers_problem, solution
from training.benchmark.rivals.contenders import CONTENDERS
from training.benchmark.rivals.outcome import curves, outcome
from training.benchmark.rivals.race import beyond, measured, race, raced, trials
from training.benchmark.rivals.tasks import Task, task_named
from training.benchmark.rivals.training import SHARES, Trainee
from training.sqgn import SQGN
from training.sqgn.falling import FallingRate

RATES = dict.fromkeys(CONTENDERS, 1e-3) | {"sqgn": 0.1, "sqgn-m4": 0.1}
TASK = Task(
    "pinn",
    lambda size, validation: burgers_problem(size, validation, points=40, test_points=20, widths=(4,)),
    (10,),
    RATES,
)


def test_the_race_s_sqgn_is_falling():
    """But for the schedule, which is the one of all contenders."""
    falling = SQGN.falling(10).get_config()
    for name, changes in {"sqgn": {}, "sqgn-m4": {"curvature_interval": 4, "curvature_fraction": 1.0}}.items():
        config = CONTENDERS[name](FallingRate(), 0.0).get_config()
        assert {**config, "learning_rate": None} == {**falling, **changes, "learning_rate": None}
    assert task_named("pinn", None).rates["sqgn"] == pytest.approx(falling["learning_rate"]["config"]["rate"])


def test_the_autoencoder_is_tuned_on_images_left_out_of_its_training(digits):
    problem = autoencoder_problem(digits, 1, True, (2,))
    kept, _ = problem.validation()[0]["validation_data"]
    whole, _ = autoencoder_problem(digits, 1, False, (2,)).partition(0).read(np.arange(200), 0)
    trained, _ = problem.partition(0).read(np.arange(len(problem.partition(0))), 0)
    assert (len(kept), len(trained)) == (33, 167)
    assert np.array_equal([*trained, *kept], whole)


def test_a_rate_falls_to_zero_along_a_cosine_and_can_be_set_anew():
    rate = FallingRate(0.4, 8)
    assert [float(rate(step)) for step in (0, 4, 8, 9)] == pytest.approx([0.4, 0.2, 0.0, 0.0], abs=1e-7)
    rate.set(1.0, 2)
    assert float(rate(1)) == pytest.approx(0.5)
    assert FallingRate(**rate.get_config()).get_config() == {"rate": 1.0, "iterations": 2}


def test_the_residual_is_that_of_the_equation():
    """Against derivatives of u by TensorFlow, in float64."""
    layer = BurgersResidual((5, 4), seed=1, dtype="float64")
    points = tf.constant(np.random.default_rng(0).uniform([-1, 0], [1, 1], (7, 2)))
    with tf.GradientTape() as outer:
        outer.watch(points)
        with tf.GradientTape() as inner:
            inner.watch(points)
            u = layer.fields(points)[0]
        first = inner.gradient(u, points)
        along_x = first[:, :1]
    u_xx = outer.gradient(along_x, points)[:, :1]
    expected = first[:, 1:] + u * first[:, :1] - VISCOSITY * u_xx
    np.testing.assert_allclose(layer(points), expected, rtol=1e-10, atol=1e-12)


def test_the_network_keeps_initial_and_boundary_values():
    layer = BurgersResidual((4,))
    x = np.linspace(-1, 1, 9, dtype=np.float32)[:, None]
    np.testing.assert_allclose(layer.fields(np.hstack([x, 0 * x]))[0], -np.sin(np.pi * x), atol=1e-6)
    t = np.linspace(0, 1, 9, dtype=np.float32)[:, None]
    np.testing.assert_allclose(layer.fields(np.hstack([0 * t + 1, t]))[0], 0.0, atol=1e-6)


def test_the_exact_solution_solves_the_equation():
    """By central differences of 1e-3, away from the shock, where the fourth derivative is below 100."""
    x, t = np.meshgrid(np.linspace(-0.9, -0.3, 5), [0.1, 0.25, 0.4], indexing="ij")
    step = 1e-3
    u = solution(x, t)
    u_x = (solution(x + step, t) - solution(x - step, t)) / (2 * step)
    u_t = (solution(x, t + step) - solution(x, t - step)) / (2 * step)
    u_xx = (solution(x + step, t) - 2 * u + solution(x - step, t)) / step**2
    np.testing.assert_allclose(u_t + u * u_x - VISCOSITY * u_xx, 0.0, atol=2e-3)
    np.testing.assert_allclose(solution(-x, t), -u, atol=1e-9)
    np.testing.assert_allclose(solution(x, t * 0 + 1e-6), -np.sin(np.pi * x), atol=1e-4)


def test_the_hessian_of_the_pixels_is_that_of_their_loss():
    rng = np.random.default_rng(0)
    y, h, z = rng.uniform(size=(3, 5)), tf.constant(rng.normal(size=(3, 5))), tf.constant(rng.normal(size=(3, 5)))
    loss = PixelCrossEntropy(dtype="float64")
    with tf.GradientTape() as outer:
        outer.watch(h)
        with tf.GradientTape() as inner:
            inner.watch(h)
            value = loss(y, h)
        slope = tf.reduce_sum(inner.gradient(value, h) * z)
    np.testing.assert_allclose(loss.hessian_product(y, h, z), outer.gradient(slope, h), rtol=1e-10)
    assert float(squared_error(y, tf.constant(np.log(y / (1 - y))))[0]) == pytest.approx(0.0, abs=1e-12)


def test_the_autoencoder_is_narrow_and_linear_in_the_middle():
    model = autoencoder((6, 3, 2), pixels=9)
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert [layer.units for layer in layers] == [6, 3, 2, 3, 6, 9]
    linear = [layer.units for layer in layers if layer.activation is keras.activations.linear]
    assert linear == [2, 9]


def test_a_training_has_its_iterations_and_starts_anew():
    trainee = Trainee(TASK, "muon", 10)
    first, again = (trainee.train(3, 0.01, 24) for _ in range(2))
    assert first["at"] == sorted({max(1, round(share * 24)) for share in SHARES})
    assert len(first["loss"]) == len(first["score"]) == len(first["at"])
    assert first["device"] == "CPU"
    assert again["loss"] == pytest.approx(first["loss"], rel=1e-4)
    assert first["loss"][-1] < first["loss"][0]
    assert trainee.train(3, 0.02, 24)["loss"] != pytest.approx(first["loss"], rel=1e-3)
    other = trainee.train(4, 0.01, 24)
    assert other["loss"] != pytest.approx(first["loss"], rel=1e-3)


def test_a_training_that_diverges_ends():
    row = Trainee(TASK, "sgd", 4).train(0, 1e12, 32)
    assert row["loss"][-1] is None
    assert len(row["loss"]) < len(SHARES)


def inline(jobs, results, output, processes, progress, prepare):
    """The jobs in this process: TensorFlow has been loaded here."""
    for job in jobs:
        if not job.is_done(results["rows"]):
            results["rows"].append({**job.key, **job.work(*job.arguments)})
            progress(results["rows"][-1])
    output.write_text(json.dumps(results))


def test_a_race_is_measured_tuned_run_and_continued(tmp_path, monkeypatch):
    monkeypatch.setattr(race_module, "side_by_side", inline)
    asked = []
    watched = replace(TASK, problem=lambda size, validation: asked.append(validation) or TASK.problem(size, validation))
    monkeypatch.setattr(race_module, "task_named", lambda *_: watched)
    monkeypatch.setattr(training_module, "in_turn", lambda timers, periods: in_turn(timers, periods, 0.01))
    file, said = tmp_path / "race.json", []

    def start(seeds: int = 1, seconds: float = 0.02, only=("adam",)) -> dict:
        return race("pinn", None, "", seconds, seeds, file, only, progress=said.append)

    results = start()
    tuned = trials(results, "tuning", "adam")
    stages = [row["stage"] for row in results["rows"]]
    assert stages == ["cost", *["tuning"] * (len(tuned) - 2), "race"]
    assert asked == [False, *[True] * (len(tuned) - 2), False], "tuned on samples of its own"
    assert [trial["rate"] for trial in tuned][:3] == [1e-3, 3e-4, 3e-3]
    assert {trial["seed"] for trial in tuned} == {100}
    row = outcome(results)["adam"]
    assert row.best_trial == min(trial["loss"][-1] for trial in tuned)
    (run,) = raced(results, "adam")
    assert (row.batch_size, row.rate, row.end[0]) == (run["batch_size"], run["rate"], run["loss"][-1])
    said.clear()
    assert len(start(seeds=2)["rows"]) == len(stages) + 1
    assert len(said) == 1
    with pytest.raises(DataError, match="another race"):
        start(seconds=1.0)
    with pytest.raises(SettingError, match="unknown contender"):
        start(only=("adamm",))
    for changed in ({"batch_sizes": (20,)}, {"rates": {**RATES, "adam": 1e-2}}):
        monkeypatch.setattr(race_module, "task_named", lambda *_, changed=changed: replace(TASK, **changed))
        with pytest.raises(DataError, match="adam tuned otherwise"):
            start()
    content = json.loads(file.read_text())
    for each in content["rows"]:
        if each["stage"] == "race":
            del each["batch_size"], each["rate"]
    file.write_text(json.dumps(content))
    monkeypatch.setattr(race_module, "task_named", lambda *_: TASK)
    assert len(start(seeds=2)["rows"]) == len(stages) + 1, "rows that do not name their setting yet"
    monkeypatch.setattr(race_module, "task_named", lambda *_: replace(TASK, make={"adam": lambda *_: SQGN()}))
    with pytest.raises(DataError, match="adam with other settings"):
        start()


def made_up(losses: list[list[float | None]]) -> dict:
    def trial(seed: int, rate: float, loss: list) -> dict:
        at = list(range(1, len(loss) + 1))
        return {
            "contender": "a", "batch_size": 10, "rate": rate, "seed": seed, "iterations": 4, "at": at,
            "loss": loss, "score": loss,
        }  # fmt: skip

    tuned = [trial(100, rate, [4.0, 3.0, 2.0, end]) for rate, end in ((2.0, 1.5), (1.0, 1.0), (3.0, 1.01))]
    rows = [
        {"stage": "cost", "costs": [{"contender": "a", "batch_size": 10, "seconds_per_iteration": [1.0, 2.0, 9.0]}]},
        {"stage": "tuning", "contender": "a", "batch_size": 10, "trials": tuned},
        *({"stage": "race", "contender": "a", "trials": [trial(seed, 1.0, loss)]} for seed, loss in enumerate(losses)),
    ]
    return {"contenders": {"a": {}}, "rows": rows}


def test_the_outcome_is_told_by_the_setting_that_tuned_best():
    row = outcome(made_up([[4.0, 3.0, 2.0, 1.0], [6.0, 3.0, 2.0, 2.0]]))["a"]
    assert (row.rate, row.edge, row.milliseconds) == (1.0, "<", 2000.0)
    assert (row.quarter, row.half, row.end) == ((5.0, 2.0**0.5), (3.0, 0.0), (1.5, 0.5**0.5))
    assert (row.first_trial, row.best_trial, row.trials, row.diverged) == (1.5, 1.0, 2, 0)


def test_tuning_goes_beyond_the_edge_of_its_grid_while_the_edge_is_best():
    results = made_up([[4.0, 3.0, 2.0, 1.0]])
    assert beyond(results, "a") == [(10, 0.3)]
    (trial,) = trials(results, "race", "a")
    trial = {**trial, "seed": 100, "rate": 0.3, "loss": [1.2]}
    results["rows"].insert(1, {"stage": "tuning", "contender": "a", "batch_size": 10, "rate": 0.3, "trials": [trial]})
    assert beyond(results, "a") == []
    row = outcome(results)["a"]
    assert (row.rate, row.edge, row.first_trial, row.trials) == (1.0, "", 1.5, 2), "the grid's trials are the first"
    trial["loss"] = [4.0, 3.0, 2.0, 0.5]
    assert beyond(results, "a") == [(10, 0.1)]
    assert not outcome(results), "the race at the new best setting is still to come"
    trial = {**trial, "seed": 0}
    results["rows"].append({"stage": "race", "contender": "a", "seed": 0, "trials": [trial]})
    assert (outcome(results)["a"].rate, outcome(results)["a"].edge, outcome(results)["a"].trials) == (0.3, "<", 4)


def test_a_race_of_another_setting_is_not_the_best_one_s():
    """Tuning went on after a race: what that had trained stays in the file, and does not count."""
    results = made_up([[4.0, 3.0, 2.0, 1.0]])
    (trial,) = raced(results, "a")
    other = {**trial, "rate": 3.0, "loss": [9.0, 9.0, 9.0, 9.0]}
    results["rows"].append({"stage": "race", "contender": "a", "seed": 0, "trials": [other]})
    assert raced(results, "a") == [trial]
    assert outcome(results)["a"].end == (1.0, 0.0)
    assert curves(results)["a"][1].shape == (1, 4)


def test_who_came_later_is_measured_beside_one_who_was_there():
    """The machine became half as fast in between: what takes 3 s now would have taken 1.5 s then."""

    def row(**seconds: float) -> dict:
        costs = [{"contender": name, "batch_size": 10, "seconds_per_iteration": [s]} for name, s in seconds.items()]
        return {"stage": "cost", "costs": costs}

    rows = [row(a=1.0, b=2.0), {"stage": "tuning"}, row(a=2.0, c=3.0)]
    assert measured({"rows": rows}) == {("a", 10): 1.0, ("b", 10): 2.0, ("c", 10): 1.5}


def test_a_seed_that_diverged_is_told():
    results = made_up([[4.0, None], [4.0, 3.0, 2.0, 1.0]])
    row = outcome(results)["a"]
    assert row.diverged == 1
    assert (row.half[0], row.end[0]) == (float("inf"), float("inf"))
    seconds, losses = curves(results)["a"]
    np.testing.assert_array_equal(seconds, [2, 4, 6, 8])
    np.testing.assert_array_equal(losses, [[4, np.nan, np.nan, np.nan], [4, 3, 2, 1]])


def test_a_task_that_is_none_or_lacks_its_data_is_one_line():
    with pytest.raises(SettingError, match="unknown task 'mist': choose from mnist, autoencoder, pinn, unet, cnn"):
        task_named("mist", None)
    with pytest.raises(SettingError, match="the task unet reads a survey: give the folder with --data"):
        task_named("unet", None)
    assert task_named("pinn", None).grid("adam") == [3e-3, 1e-3, 9e-3]
    with pytest.raises(DataError, match="does not exist"):
        task_named("mnist", Path("nowhere")).problem(100, False)
