"""Figures show the arrays they were given, with units, without a display and without global state."""

import io
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from matplotlib.figure import Figure

from figures.convergence import Curve, mnist_convergence, tomography_convergence
from figures.data_size import data_size
from figures.gallery import Shots, gallery_page
from figures.gathers import gather_comparison, shot_gathers
from figures.logs import velocity_logs
from figures.palette import ERROR_MAP, RUN_COLOURS, amplitude_clip, fitted, run_line
from figures.panels import migrated_panels
from figures.repetitions import loss_and_score
from figures.robustness import Panel, robustness
from figures.velocity import error_panels, velocity_panels

RNG = np.random.default_rng(0)
VELOCITY = RNG.uniform(1500, 4600, (3, 20, 30))
RECEIVERS, TIME = np.linspace(0, 435, 12), np.arange(40) * 0.008
GATHERS = RNG.normal(size=(3, 12, 40))


def saved(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=60)
    return file.getvalue()


def labels(figure: Figure) -> str:
    texts = [text.get_text() for text in figure.findobj(match=lambda artist: hasattr(artist, "get_text"))]
    return "\n".join(texts)


def panels() -> Figure:
    predictions = {"reference": VELOCITY, "sqgn": VELOCITY + 50}
    scores = {"sqgn": np.array([0.7, 0.6, 0.5])}
    return velocity_panels(predictions, 15.0, ssim=scores, rmse={"sqgn": np.full(3, 50.0)}, samples=["a", "b", "c"])


def test_velocity_panels_share_the_reference_s_scale_in_km_per_s():
    figure = panels()
    images = [image for axes in figure.axes for image in axes.get_images()]
    assert len(images) == 6
    assert {image.get_clim() for image in images} == {(VELOCITY.min() / 1000, VELOCITY.max() / 1000)}
    np.testing.assert_allclose(images[1].get_array(), (VELOCITY[0] + 50) / 1000)
    np.testing.assert_allclose(images[0].get_extent(), (-0.0075, 0.4425, 0.2925, -0.0075))
    text = labels(figure)
    assert all(part in text for part in ("SSIM 0.70, RMSE 50 m/s", "depth (km)", "x (km)", "velocity (km/s)"))


def test_a_diverged_curve_ends_and_says_so():
    """It does not stretch the axes of the others."""
    x = np.arange(1, 5)
    sound = Curve(x, np.array([4.0, 3.0, 2.0, 1.0]), np.full(4, 0.6))
    wild = Curve(x, np.array([4.0, 1e24, np.nan, 5.0]), np.array([0.6, 0.0, np.nan, 0.0]))
    worst = Curve(x, np.full(4, np.nan), np.full(4, np.nan))
    figure = mnist_convergence({"worst": [worst], "adam": [sound], "reference": [wild]})
    loss, score = figure.axes
    assert [text.get_text() for text in loss.get_legend().get_texts()] == [
        "worst, diverged",
        "adam",
        "reference, diverged",
    ]
    assert loss.get_ylim()[1] < 10.0
    assert score.get_ylim()[0] > 0.5
    loss = mnist_convergence({"reference": [sound, wild], "wild": [wild, wild]}).axes[0]
    names = ["reference (median of 1, 1 diverged)", "wild, all 2 diverged"]
    assert [text.get_text() for text in loss.get_legend().get_texts()] == names
    np.testing.assert_array_equal(loss.get_lines()[2].get_ydata(), sound.loss)


def test_repetitions_lie_over_each_other_loss_on_the_left_and_score_on_the_right():
    x = np.arange(1, 4)
    curves = {name: [Curve(x, np.full(3, 2e9), np.full(3, 0.6))] * count for name, count in (("a", 5), ("b", 2))}
    figure = loss_and_score([["a", None], ["b", "c"]], curves, ("loss", "SSIM"), (0.5, 0.7))
    drawn = [axes for axes in figure.axes if axes.axison]
    lines = [len(axes.get_lines()) for axes in drawn]
    assert lines == [5, 2, 0, 5, 2, 0], "three panels, and the right axis of each"
    assert {axes.get_ylim() for axes in drawn[3:]} == {(0.5, 0.7)}
    assert len({axes.get_ylim() for axes in drawn[:3]}) == 1
    assert saved(figure)
    assert "2e9" in labels(figure)
    late = {"a": [Curve(x, np.ones(3), np.array([np.nan, 0.5, 0.6]))], "b": [Curve(x, np.ones(3), np.full(3, 0.1))]}
    _, _, *scores = loss_and_score([["a"], ["b"]], late, ("loss", "SSIM")).axes
    for axes in scores:
        assert axes.get_ylim() == pytest.approx((0.075, 0.625)), "an axis for the scores of all panels"


def test_convergence_draws_every_repetition_their_median_and_the_mean_model():
    x = np.arange(1, 6)
    repeated = [Curve(x[:n], np.full(n, loss), np.full(n, 0.5)) for n, loss in ((5, 1e9), (4, 3e9), (5, 9e9))]
    single = [Curve(x, np.full(5, 2e9), np.full(5, 0.6))]
    figure = tomography_convergence({"adam": repeated, "sqgn": single}, mean_model=(2.4e9, 0.4))
    loss, score = figure.axes
    assert [line.get_ydata()[0] for line in loss.get_lines()] == [1e9, 3e9, 9e9, 3e9, 2e9, 2.4e9]
    assert [len(line.get_xdata()) for line in loss.get_lines()][:5] == [5, 4, 5, 4, 5]
    assert score.get_lines()[-1].get_ydata()[0] == 0.4
    assert loss.get_yscale() == "log"
    text = labels(figure)
    assert all(part in text for part in ("median of 3", "mean model", "(m/s)²", "mean SSIM", "epoch"))


@pytest.mark.parametrize(
    ("x_axis", "label"), [("gradients", "gradient evaluations"), ("seconds", "time (s)"), ("epochs", "epoch")]
)
def test_mnist_convergence_over_any_measure_of_effort(x_axis, label):
    figure = mnist_convergence({"adam": [Curve(np.arange(3), np.ones(3), np.ones(3))]}, x_axis=x_axis)
    assert all(part in labels(figure) for part in (label, "test accuracy", "cross-entropy"))


def test_a_gather_lies_with_time_down_and_a_symmetric_scale_that_says_what_it_clips():
    figure = shot_gathers(GATHERS, np.array([0.0, 200.0, 435.0]), RECEIVERS, TIME)
    image = figure.axes[0].get_images()[0]
    np.testing.assert_array_equal(image.get_array(), GATHERS[0].T)
    low, high = image.get_clim()
    assert low == -high
    assert np.mean(np.abs(GATHERS) > high) == pytest.approx(0.1, abs=0.001)
    bottom, top = figure.axes[0].get_ylim()
    assert bottom > TIME[-1] > top
    text = labels(figure)
    assert "strongest 10% of the samples clipped" in text
    assert all(part in text for part in ("receiver (km)", "time (s)", "source at 0.20 km"))


def test_a_comparison_shows_the_difference_on_the_given_gather_s_scale():
    figure = gather_comparison(
        GATHERS,
        0.5 * GATHERS,
        RECEIVERS,
        TIME,
        cases=["best", "median", "worst"],
        misfits=[0.1, 0.2, 0.5],
        title="sqgn",
    )
    row = [axes.get_images()[0] for axes in figure.axes[:3]]
    np.testing.assert_allclose(row[2].get_array(), -0.5 * GATHERS[0].T)
    assert {image.get_clim() for image in row} == {(-amplitude_clip(GATHERS[0], 0.8), amplitude_clip(GATHERS[0], 0.8))}
    assert figure.get_suptitle() == "sqgn"
    assert all(part in labels(figure) for part in ("worst\ntime (s)", "normalised RMS 0.50", "strongest 20%"))


def test_receivers_anywhere_are_drawn_in_their_places_and_dead_traces_white():
    x = np.array([300.0, 0.0, 100.0, 150.0])
    gathers = GATHERS[:1, :4].copy()
    gathers[0, 1] = np.nan
    figure = shot_gathers(gathers, np.zeros(1), x, TIME)
    (mesh,) = figure.axes[0].collections
    np.testing.assert_allclose(mesh.get_coordinates()[0, :, 0], [-0.05, 0.05, 0.125, 0.225, 0.375])
    drawn = mesh.get_array().filled(np.nan)
    np.testing.assert_array_equal(drawn, gathers[0, [1, 2, 3, 0]].T)
    assert np.isfinite(mesh.get_clim()).all()
    bottom, top = figure.axes[0].get_ylim()
    assert bottom > TIME[-1] > top


def test_silence_can_be_drawn():
    assert amplitude_clip(np.zeros((2, 3))) == 1.0
    assert saved(shot_gathers(np.zeros((1, 12, 40)), np.zeros(1), RECEIVERS, TIME))


def test_robustness_has_data_getting_worse_to_the_right():
    noise_levels, missing_levels = np.array([30.0, 20.0, 0.0]), np.array([0.0, 10.0, 50.0])
    panels = [
        Panel(disturbance, levels, score, {"adam": levels, "sqgn": levels + 1}, baseline=5.0)
        for disturbance, levels in (("noise (dB)", noise_levels), ("missing (%)", missing_levels))
        for score in ("mean SSIM", "RMSE (m/s)")
    ]
    figure = robustness(panels)
    noise, missing = figure.axes[:2]
    assert noise.get_xlim()[0] > noise.get_xlim()[1]
    assert missing.get_xlim()[0] < missing.get_xlim()[1]
    np.testing.assert_array_equal(noise.get_lines()[1].get_ydata(), noise_levels + 1)
    assert all(part in labels(figure) for part in ("noise (dB)", "missing (%)", "RMSE (m/s)", "mean model"))


def test_scores_over_the_number_of_training_models():
    sizes = np.array([800, 10053])
    curves = {"unet, laptop": (sizes, np.array([400.0, 300.0])), "unet, outside": (sizes, np.array([500.0, 450.0]))}
    baselines = {"mean model, laptop": 595.0, "mean model, outside": np.nan}
    figure = data_size({"RMSE (m/s)": curves}, {"RMSE (m/s)": baselines})
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    np.testing.assert_array_equal(axes.get_lines()[1].get_ydata(), [500, 450])
    np.testing.assert_array_equal(axes.get_lines()[2].get_ydata(), [595, 595])
    assert len(axes.get_lines()) == 3
    assert all(part in labels(figure) for part in ("10,053", "training models", "unet, outside", "mean model, laptop"))
    assert saved(figure)


def test_a_gallery_draws_every_model_over_its_gather():
    velocity = np.concatenate([VELOCITY] * 3)[:7]
    shots = Shots(np.concatenate([GATHERS] * 3)[:7], RECEIVERS, TIME)
    figure = gallery_page(velocity, 15.0, shots=shots, titles=[f"model {i}" for i in range(7)])
    shown = [axes for axes in figure.axes if axes.get_visible() and axes.get_images()]
    assert len(shown) == 14
    assert "model 6" in labels(figure)
    assert len([a for a in gallery_page(velocity, 15.0).axes if a.get_visible() and a.get_images()]) == 7


def test_outlines_of_true_salt_lie_on_every_panel_and_of_predicted_salt_on_its_own():
    salt = np.zeros((2, 20, 30), bool)
    salt[:, 5:12, 8:20] = True
    nothing = np.zeros_like(salt)
    models = {"reference": VELOCITY[:2], "mean": VELOCITY[:2], "unet": VELOCITY[:2]}
    figure = velocity_panels(models, 15.0, limits=(1000, 4800), salt={"reference": salt, "mean": nothing, "unet": salt})
    drawn = [len(axes.collections) for axes in figure.axes[:6]]
    assert drawn == [1, 1, 3, 1, 1, 3]  # one line for the truth, and for the prediction a white one and dashes on it
    assert {axes.get_images()[0].get_clim() for axes in figure.axes[:6]} == {(1.0, 4.8)}
    vertices = figure.axes[0].collections[0].get_paths()[0].vertices
    np.testing.assert_allclose(vertices.min(axis=0), [7.5 * 0.015, 4.5 * 0.015])
    np.testing.assert_allclose(vertices.max(axis=0), [19.5 * 0.015, 11.5 * 0.015])


def test_without_a_reference_found_salt_is_dashed():
    salt = np.zeros((1, 20, 30), bool)
    salt[:, 5:12, 8:20] = True
    figure = velocity_panels({"prediction": VELOCITY[:1]}, 15.0, limits=(1000, 4800), salt={"prediction": salt})
    assert len(figure.axes[0].collections) == 2  # white, and dashes on it


def test_long_names_are_broken_and_nothing_of_them_is_lost():
    name = "a-rather-long-run-name-with-many_parts.and.more" + 40 * "x"
    lines = fitted(name, 28).split("\n")
    assert max(map(len, lines)) <= 28
    assert "".join(lines) == name
    assert fitted("unet", 28) == "unet"
    scores = {name: np.full(3, 0.5), name + "2": np.full(3, 0.5)}
    models = {"reference": VELOCITY, **dict.fromkeys(scores, VELOCITY)}
    figure = velocity_panels(models, 15.0, ssim=scores, rmse=scores, limits=(1000, 4800))
    figure.draw_without_rendering()
    titles = [axes.title.get_window_extent() for axes in figure.axes[:3]]
    assert titles[1].x1 < titles[2].x0
    assert all(title.y0 > 0 and title.y1 <= figure.bbox.y1 + 1 for title in titles)
    x = np.arange(1, 4)
    legend = tomography_convergence({name: [Curve(x, x * 1e9, x * 0.1)]}).axes[0].get_legend()
    assert all(len(line) <= 36 for line in legend.get_texts()[0].get_text().split("\n"))


def test_errors_are_prediction_minus_reference_on_one_symmetric_scale():
    figure = error_panels(VELOCITY, {"a": VELOCITY + 100, "b": VELOCITY - 300}, 15.0, samples=["x", "y", "z"])
    images = [axes.get_images()[0] for axes in figure.axes[:6]]
    np.testing.assert_allclose(images[0].get_array(), 0.1)
    np.testing.assert_allclose(images[1].get_array(), -0.3)
    assert {image.get_clim() for image in images} == {(-1.5, 1.5)}
    assert {image.get_cmap().name for image in images} == {ERROR_MAP}
    assert all(part in labels(figure) for part in ("z\ndepth (km)", "x (km)", "predicted minus true (km/s)"))


def test_logs_go_down_and_shade_the_salt():
    depth = np.arange(20) * 15.0
    salt = np.zeros((3, 20), bool)
    salt[:, 8:12] = True
    figure = velocity_logs(VELOCITY[:, :, 4], {"unet": VELOCITY[:, :, 5]}, depth, titles=["a", "b", "c"], salt=salt)
    top, bottom = figure.axes[0].get_ylim()[::-1]
    assert (top, bottom) == (0.0, 0.285)
    reference, prediction = figure.axes[1].get_lines()
    np.testing.assert_allclose(reference.get_xdata(), VELOCITY[1, :, 4] / 1000)
    np.testing.assert_allclose(prediction.get_ydata(), depth / 1000)
    assert all(len(axes.collections) == 1 for axes in figure.axes)
    assert all(part in labels(figure) for part in ("velocity (km/s)", "depth (km)", "reference", "unet"))


def test_panels_share_one_scale_and_are_where_they_belong():
    panels = RNG.normal(size=(3, 2, 20, 15))
    depth, x = np.arange(20) * 15.0, (np.arange(15) * 2 + 0.5) * 15.0
    figure = migrated_panels(
        panels, VELOCITY[0], depth, x, 15.0, (1000, 4800), factors=["a", "b", "c"], classes=["near", "far"]
    )
    shown = [axes.get_images()[0] for axes in figure.axes if axes.get_images()]
    assert len({image.get_clim() for image in shown if image.get_cmap().name == "gray"}) == 1
    np.testing.assert_array_equal(figure.axes[1].get_images()[0].get_array(), panels[0, 0])
    np.testing.assert_array_equal(figure.axes[6].get_images()[0].get_array(), panels[1, 1])
    assert all(part in labels(figure) for part in ("far", "c", "velocity (km/s)", "x (km)"))
    assert saved(figure)


def test_runs_differ_in_colour_and_style():
    lines = [tuple(run_line(i).values()) for i in range(28)]
    assert len(set(lines)) == 28
    assert len({colour for colour, _ in lines}) == len(RUN_COLOURS)


def test_figures_can_be_drawn_in_threads_to_the_same_bytes():
    with ThreadPoolExecutor(4) as pool:
        pages = list(pool.map(lambda _: saved(panels()), range(4)))
    assert len(set(pages)) == 1


def test_figures_import_nothing_else_of_the_project_and_no_pyplot():
    code = (
        "import sys, figures.convergence, figures.gallery, figures.gathers\n"
        "import figures.robustness, figures.velocity\n"
        "print(*sys.modules)"
    )
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not re.search(r"\b(tomo|data_gen|models|training|tensorflow|matplotlib\.pyplot)\b", modules)
