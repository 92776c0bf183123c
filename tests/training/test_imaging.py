"""The imaging network: built for any grid, trained by every optimizer, indifferent to unit and line."""

from __future__ import annotations

import functools
import json
from dataclasses import replace

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from small_survey import simulator, write_survey
from tiny_network import flat

import training
import training.refinement
from data_gen.acquisition import Acquisition
from data_gen.errors import DataError, SettingError
from data_gen.geology import random_model
from data_gen.grid import Grid
from data_gen.inversion.invert import Stage
from data_gen.phase import turn
from data_gen.simulator.gradient import ParallelGradient
from data_gen.survey.arrays import ArraySurvey
from data_gen.survey.reader import Survey
from data_gen.survey.specification import SurveySpecification
from models.conditioning import Conditioning
from models.registry import NETWORKS
from tomo.evaluate import evaluate as evaluate_command
from tomo.predict import predict
from tomo.refine import refine
from tomo.train import train as train_command
from training.archive import publish
from training.benchmark import lines, refinement
from training.benchmark.calibration import measure_calibration
from training.benchmark.imaging import compare_imaging, summary
from training.evaluation.evaluate import evaluate
from training.fit import train
from training.loss import PseudoHuberError, SquaredError
from training.panels import samples_of
from training.pipeline import training_partition
from training.runs import begin_run, open_run
from training.settings import Settings
from training.sqgn import SecondOrderModel
from training.trained import open_trained

LINE = Acquisition(Grid(40, 40, 15.0), sources=4, receivers=20, samples=60, sample_interval=0.008)
SETTINGS = Settings(
    "adamw",
    "unet",
    6,
    8,
    schedule="cosine",
    validation=0.2,
    average=0.9,
    loss="pseudo-huber",
    augment="mirror",
    views=3,
)


@pytest.fixture(scope="module")
def survey(tmp_path_factory) -> Survey:
    folder = tmp_path_factory.mktemp("imaging") / "survey"
    write_survey(folder, SurveySpecification(LINE, models=48, train_models=40))
    return Survey.open(folder)


@pytest.fixture(scope="module")
def run(survey, tmp_path_factory):
    run = begin_run(tmp_path_factory.mktemp("run") / "unet", SETTINGS, survey)
    train(run, survey)
    return run


def conditioning(panels: tuple[int, int, int], image: tuple[int, int]) -> Conditioning:
    shape = (panels[0], 1, panels[2])
    return Conditioning(
        panels, np.zeros(shape, np.float32), np.ones(shape, np.float32), np.full(image, 2500, np.float32)
    )


@pytest.mark.parametrize("name", ["unet", "unet-large"])
@pytest.mark.parametrize(
    ("panels", "image"),
    [((100, 50, 25), (100, 100)), ((51, 33, 9), (51, 66)), ((48, 24, 25), (48, 48)), ((41, 21, 5), (41, 41))],
)
def test_the_network_is_built_for_any_grid_and_starts_near_the_mean_profile(name, panels, image):
    network = NETWORKS[name].build(conditioning(panels, image), keras.Model, 0, "float32")
    velocity = network.predict(np.random.default_rng(0).normal(size=(2, *panels)).astype(np.float32), verbose=0)
    assert velocity.shape == (2, *image)
    assert np.abs(velocity.mean() - 2500) < 100


@pytest.mark.parametrize("loss", [SquaredError(), PseudoHuberError(delta=150.0)])
def test_losses_have_the_hessians_they_say(loss, float64):
    """Against automatic differentiation, in float64."""
    rng = np.random.default_rng(0)
    y, h = (tf.constant(rng.uniform(1500, 4500, (3, 4, 5))) for _ in range(2))
    z = tf.constant(rng.normal(size=(3, 4, 5)))
    with tf.GradientTape() as outer:
        outer.watch(h)
        with tf.GradientTape() as inner:
            inner.watch(h)
            value = tf.reduce_mean(loss.call(y, h))
        slope = tf.reduce_sum(inner.gradient(value, h) * z)
    np.testing.assert_allclose(loss.hessian_product(y, h, z), outer.gradient(slope, h), rtol=1e-10)


def test_pseudo_huber_is_the_square_of_small_errors_and_linear_in_large_ones():
    y, small, large = (tf.constant(np.full((1, 1, 1), value)) for value in (2000.0, 2001.0, 4000.0))
    loss = PseudoHuberError(delta=100.0)
    assert float(loss(y, small)) == pytest.approx(1e-6, rel=1e-4)
    assert float(loss(y, large)) == pytest.approx(2 * 0.1 * (2.0 - 0.1), rel=0.01)


def test_it_learns(run, survey):
    history = run.history()
    assert history["loss"][-1] < 0.9 * history["loss"][0]
    assert not run.checkpoint_file.exists()


@pytest.mark.parametrize("optimizer", ["sqgn", "adam"])
def test_other_optimizers_train_it(survey, tmp_path, optimizer):
    settings = replace(SETTINGS, optimizer=optimizer, epochs=3, schedule="constant", loss="squared")
    run = begin_run(tmp_path / optimizer, settings, survey)
    train(run, survey)
    history = run.history()
    assert np.isfinite(history["loss"]).all()
    assert history["loss"][-1] < history["loss"][0]


def test_half_precision_trains_alike(survey, tmp_path):
    """bfloat16 has 8 bits of mantissa: after one epoch the losses agree to some percent."""
    losses = []
    for precision in ("float32", "bfloat16"):
        run = begin_run(tmp_path / precision, replace(SETTINGS, epochs=1, precision=precision), survey)
        network = train(run, survey)
        assert all(v.dtype == "float32" for v in network.trainable_variables)
        losses.append(run.history()["loss"][0])
    assert losses[1] == pytest.approx(losses[0], rel=0.05)


def test_the_final_network_loads_in_plain_keras_and_says_the_same(run, survey):
    network = keras.saving.load_model(run.model_file)
    assert type(network) in (keras.Model, keras.src.models.functional.Functional)
    predictor = training.load(run.folder)
    samples = samples_of("unet", survey, predictor.card.panels, ranks=4)
    mean = np.zeros((len(survey.test), *LINE.grid.shape))
    for rank, weight in enumerate((3 / 7, 2 / 7, 1 / 7, 1 / 7)):
        panels = samples.inputs(survey.test, rank=rank).astype(np.float32)
        for inputs, side in ((panels, 1), (panels[:, :, ::-1], -1)):
            mean += weight / 2 * network.predict(inputs, verbose=0)[..., ::side]
    kept = predictor.card.decision(np.clip(mean, *LINE.velocity_limits))
    np.testing.assert_allclose(predictor.predict_models(survey, survey.test), kept, rtol=1e-5)


def test_a_published_network_is_small_and_says_nearly_the_same(run, survey, tmp_path):
    publish(run.model_file, tmp_path / "small.keras")
    assert (tmp_path / "small.keras").stat().st_size < 0.65 * run.model_file.stat().st_size
    assert [path.name for path in tmp_path.iterdir()] == ["small.keras"]
    published, own = training.load(tmp_path / "small.keras"), training.load(run.folder)
    gathers = survey.gathers(survey.test[:2])
    np.testing.assert_allclose(published.predict(gathers), own.predict(gathers), atol=10.0)
    assert published.card.panels == own.card.panels


def test_gathers_and_the_survey_s_panels_give_the_same_image(run, survey):
    """Panels on disk are float16."""
    predictor = training.load(run.folder)
    direct = predictor.predict(survey.gathers(survey.test[:3]))
    np.testing.assert_allclose(direct, predictor.predict_models(survey, survey.test[:3]), atol=10.0)


def test_the_unit_of_the_gathers_changes_nothing(run, survey):
    predictor = training.load(run.folder)
    gathers = survey.gathers(survey.test[:2])
    np.testing.assert_allclose(predictor.predict(1000 * gathers), predictor.predict(gathers), atol=0.5)


def test_the_mirrored_survey_gives_the_mirrored_image(run, survey):
    predictor = training.load(run.folder)
    gathers = survey.gathers(survey.test[:2])
    np.testing.assert_allclose(
        predictor.predict(gathers[:, ::-1, ::-1]), predictor.predict(gathers)[..., ::-1], atol=0.5
    )


def test_another_line_is_read(run):
    """Half the receivers of the same models, recorded anew."""
    fewer = replace(LINE, receivers=10, sources=3)
    velocity = random_model(np.random.default_rng([0, 41]), LINE).velocity
    predictor = training.load(run.folder)
    one = predictor.predict(simulator(LINE).gather(velocity))
    other = predictor.predict(simulator(fewer).gather(velocity), fewer)
    assert np.sqrt(np.mean((one - other) ** 2)) < 200
    with pytest.raises(DataError, match="are not those of 4 sources"):
        predictor.predict(simulator(fewer).gather(velocity))


def test_scores_on_a_survey_of_another_line(run, survey, tmp_path):
    fewer = replace(LINE, receivers=10)
    write_survey(tmp_path / "other", SurveySpecification(fewer, models=4, train_models=0, seed=5))
    other = Survey.open(tmp_path / "other")
    evaluation = evaluate([open_trained(run.folder)], training.load(run.folder).card.mean_velocity, other, other.test)
    assert np.isfinite(evaluation.means()["unet"]["rmse"])


def test_mirrored_panels_go_with_the_mirrored_model(survey):
    samples = samples_of("unet", survey, views=3)
    partition = training_partition(samples, survey.train[:1], 1, 0, training.fit.AUGMENTATIONS["mirror"])
    whole = {view: samples.inputs(survey.train[:1], np.array([view])).astype(np.float32) for view in range(3)}
    velocity = survey.velocity(survey.train[:1])
    seen = set()
    for number in range(40):
        panels, model = partition.read(tf.constant([0], tf.int64), tf.constant([0, number], tf.int32))
        turned = not np.array_equal(model, velocity)
        panels = panels.numpy()[:, :, ::-1] if turned else panels.numpy()
        np.testing.assert_array_equal(model.numpy()[..., ::-1] if turned else model, velocity)
        (view,) = [view for view, expected in whole.items() if np.array_equal(panels, expected)]
        seen.add((view, turned))
    assert seen == {(view, turned) for view in range(3) for turned in (True, False)}


def test_views_have_noise_where_all_augmentation_is_asked_for(survey, tmp_path):
    run = begin_run(tmp_path / "noisy", replace(SETTINGS, augment="all", epochs=1, views=2), survey)
    train(run, survey)
    assert list((survey.folder / "panels").glob("*/00000-view1-noise.h5"))


def test_a_stopped_training_of_the_imaging_network_ends_with_the_same_weights(survey, tmp_path, run):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    stopped = begin_run(tmp_path / "stopped", SETTINGS, survey)
    with pytest.raises(KeyboardInterrupt):
        train(stopped, survey, [Stop()])
    train(stopped, survey)
    ends = [keras.saving.load_model(each.model_file) for each in (run, stopped)]
    np.testing.assert_array_equal(*(flat(network.trainable_variables) for network in ends))
    assert isinstance(ends[0], keras.Model)
    assert not isinstance(ends[0], SecondOrderModel)


def test_an_odd_number_of_columns_is_imaged_as_any(tmp_path):
    line = replace(LINE, grid=Grid(41, 43, 15.0))
    velocity = [random_model(np.random.default_rng([3, i]), line).velocity for i in range(4)]
    gathers = [simulator(line).gather(model) for model in velocity]
    predictor = training.train(gathers, velocity, line, tmp_path / "run", epochs=1, batch_size=2, validation=0)
    assert predictor.predict(gathers[0]).shape == (1, 41, 43)
    middles = predictor.card.panels.x
    np.testing.assert_allclose(middles + middles[::-1], line.grid.x[-1])


def test_a_flipped_byte_of_the_panels_stops_a_training(survey, tmp_path):
    samples = samples_of("unet", survey, views=3)
    path = next((survey.folder / "panels").glob("*/00001-view2.h5"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:])
    try:
        with pytest.raises(DataError, match=r"00001-view2\.h5 is damaged"):
            train(begin_run(tmp_path / "run", SETTINGS, survey), survey, samples=samples)
    finally:
        path.write_bytes(whole)


def test_trainings_from_several_seeds_are_compared_and_the_file_continued(survey, tmp_path):
    settings = {"unet-adamw": replace(SETTINGS, epochs=1)}
    output = tmp_path / "imaging.json"
    results = compare_imaging(
        survey, [survey], settings, range(2), tmp_path / "runs", output, progress=lambda line: None
    )
    assert [(row["seed"], row["test_survey"]) for row in results["rows"]] == [(0, "survey"), (1, "survey")]
    again = compare_imaging(survey, [survey], settings, range(2), tmp_path / "runs", output)
    assert again["rows"] == results["rows"]
    (row,) = summary(again).values()
    assert row["rmse"][0] == pytest.approx(np.mean([row["rmse"] for row in results["rows"]]))
    with pytest.raises(DataError, match="another comparison"):
        compare_imaging(survey, [survey], {"unet-adamw": SETTINGS}, range(1), tmp_path / "runs", output)
    write_survey(tmp_path / "trained", SurveySpecification(LINE, models=8, train_models=4))
    with pytest.raises(DataError, match="holds models of the training set"):
        compare_imaging(
            survey, [Survey.open(tmp_path / "trained")], settings, range(1), tmp_path / "runs", tmp_path / "other.json"
        )


def test_other_lines_are_scored_on_the_same_models(run, survey, tmp_path, monkeypatch):
    some = {name: lines.LINES[name] for name in ("as trained", "half the receivers")}
    monkeypatch.setattr(lines, "LINES", some)
    results = lines.compare_lines([run.folder], survey, tmp_path / "lines.json")
    assert json.loads((tmp_path / "lines.json").read_text()) == results
    assert results["lines"]["half the receivers"]["acquisition"]["receivers"] == 10
    own = evaluate([open_trained(run.folder)], np.zeros(LINE.grid.shape, np.float32), survey, survey.test).means()[
        "unet"
    ]
    # Panels on disk are float16.
    assert results["lines"]["as trained"]["scores"]["unet"]["rmse"] == pytest.approx(own["rmse"], rel=1e-2)


@pytest.fixture
def compiled_once(monkeypatch):
    """Gradients of an acquisition are compiled once for all tests, and few are asked for: that takes most of their
    time."""
    for module in (refinement, training.refinement):
        monkeypatch.setattr(module, "ParallelGradient", gradients)
    few = (Stage(0.6, 2), Stage(None, 3))
    monkeypatch.setattr(training.refinement.refine, "__defaults__", (few, *training.refinement.refine.__defaults__[1:]))
    monkeypatch.setattr("data_gen.inversion.invert.SCHEDULE", few)


@functools.lru_cache(maxsize=2)
def gradients(acquisition: Acquisition, threads: int | None = None) -> ParallelGradient:
    return ParallelGradient(acquisition, 1)


@pytest.mark.usefixtures("compiled_once")
def test_predictions_are_refined_and_the_file_continued(run, survey, tmp_path):
    hard = {"20 dB": refinement.Condition(20.0)}
    output = tmp_path / "refinement.json"
    first = refinement.compare_refinement([run.folder], survey, 1, output, hard)
    again = refinement.compare_refinement([run.folder], survey, 2, output, hard)
    assert again["rows"][:3] == first["rows"]
    assert [row["start"] for row in first["rows"]] == ["unet", "mean model", "gradient model"]
    assert all(row["misfit"] <= row["misfit_before"] for row in again["rows"])
    row = refinement.summary(again)["20 dB", "unet"]
    assert row["models"] == 2
    assert row["after"]["rmse"] == pytest.approx(np.mean([each["after"]["rmse"] for each in again["rows"][::3]]))
    alone = refinement.compare_refinement([run.folder], survey, 1, tmp_path / "alone.json", hard, baselines=False)
    assert alone["rows"] == first["rows"][:1]
    other_survey = ArraySurvey(np.zeros((2, *LINE.gather_shape)), np.full((2, 40, 40), 2000.0), LINE, 1)
    with pytest.raises(DataError, match="another comparison"):
        refinement.compare_refinement([], other_survey, 1, output, hard)


@pytest.mark.usefixtures("compiled_once")
def test_tomo_refine_writes_what_explains_the_gathers_better(run, survey, tmp_path, capsys):
    output = tmp_path / "refined.h5"
    refine(run.folder, models=1, output=output)
    with h5py.File(output) as file:
        assert file["velocity"].shape == (1, 40, 40)
        assert file["misfit"][0] < file["misfit_of_prediction"][0]
    assert (tmp_path / "refined.png").exists()
    assert f"model {survey.test[0]}" in capsys.readouterr().out
    with pytest.raises(DataError, match="already exists"):
        refine(run.folder, models=1, output=output)
    with pytest.raises(SettingError, match="not both"):
        refine(run.folder, survey.folder / "survey.h5", survey=survey.folder, output=tmp_path / "other.h5")


def test_tomo_train_makes_an_ensemble_and_tomo_predict_its_deviation(survey, tmp_path, capsys):
    folder = tmp_path / "both"
    train_command(survey.folder, output=folder, members=2, epochs=1, views=1)
    assert "2 members; on 4 validation models" in capsys.readouterr().out
    seeds = [open_run(folder / f"member-{member}").settings.seed for member in (0, 1)]
    assert seeds == [0, 1]
    predict(folder, survey.folder / "survey.h5", output=tmp_path / "p.h5")
    with h5py.File(tmp_path / "p.h5") as file:
        assert file["deviation"].shape == file["velocity"].shape
        assert np.all(file["deviation"][:] > 0)
    evaluate_command([folder, folder / "member-1"], output=tmp_path / "scores", samples=1, report=True)
    scores = json.loads((tmp_path / "scores" / "scores.json").read_text())
    assert scores["runs"]["both"]["members"] == 2
    assert scores["surveys"][0]["scores"].keys() == {"mean model", "both", "member-1"}
    assert "Standard deviation of the ensemble" in (tmp_path / "scores" / "report.html").read_text()
    results = measure_calibration(folder, survey, [], tmp_path / "calibration.json")
    assert json.loads((tmp_path / "calibration.json").read_text()) == results
    assert results["surveys"]["validation"]["covered"] == pytest.approx(0.95, abs=2e-3)
    test = results["surveys"][survey.name]
    assert test["rmse"] ** 2 == pytest.approx(np.mean(np.square(test["classes"]["error"])), rel=1e-3)
    assert set(test["scores"]) == {"mean", "member-0", "member-1"}
    train_command(survey.folder, output=folder, members=2, epochs=1, views=1)
    assert capsys.readouterr().out.count("nothing to do") == 2
    before = json.loads((folder / "ensemble.json").read_text())
    train_command(survey.folder, output=folder, members=2, epochs=2, views=1)
    assert json.loads((folder / "ensemble.json").read_text())["factor"] != before["factor"]
    with pytest.raises(DataError, match="2 members"):
        train_command(survey.folder, output=folder, members=3, epochs=2, views=1)
    with pytest.raises(DataError, match="holds a run"):
        train_command(survey.folder, output=folder / "member-0", members=2, epochs=1, views=1)


@pytest.mark.parametrize("degrees", [60, 180])
def test_the_phase_of_the_wavelet_changes_little(run, survey, degrees):
    """It is found from the direct wave, to a few degrees; gathers of 60 samples are turned with an error at their
    ends."""
    predictor = training.load(run.folder)
    gathers = survey.gathers(survey.test[:2])
    straight = predictor.predict(gathers)
    assert predictor.turned == []
    turned = predictor.predict(turn(gathers, degrees))
    assert np.abs((np.array(predictor.turned) - degrees + 180) % 360 - 180).max() < 15
    difference = np.sqrt(np.mean((turned - straight) ** 2))
    assert difference < 0.25 * np.sqrt(np.mean((straight - straight.mean(axis=(0, 2), keepdims=True)) ** 2)) + 60
