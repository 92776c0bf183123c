"""Scores against numbers worked out by hand and the definition of SSIM written out."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from training.evaluation import misfit
from training.evaluation import scores as metrics

LIMITS = (1000.0, 4800.0)
SHAPE = (2, 20, 30)


def images() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    reference = rng.uniform(1500, 3500, SHAPE).astype(np.float32)
    return reference + rng.normal(0, 100, SHAPE).astype(np.float32), reference


def test_the_loss_sums_over_pixels_and_averages_over_samples():
    reference = np.full(SHAPE, 2000.0, np.float32)
    prediction = reference + np.array([10.0, -30.0], np.float32)[:, None, None]
    assert metrics.tomography_loss(prediction, reference) == 600 * (100 + 900) / 2
    first, second = metrics.score(prediction, reference, LIMITS, 15.0)
    assert (first.loss, first.mse, first.rmse, first.mae) == (60_000, 100, 10, 10)
    assert (second.loss, second.mse, second.rmse, second.mae) == (540_000, 900, 30, 30)


def test_the_paper_s_loss_is_its_rmse():
    # 8.5e8 over 100 x 100 pixels is an RMSE of 292 m/s.
    reference = np.full((1, 100, 100), 2000.0)
    (scores,) = metrics.score(reference + math.sqrt(8.5e4), reference, LIMITS, 15.0)
    assert scores.loss == pytest.approx(8.5e8)
    assert round(scores.rmse) == 292


def test_means_over_samples():
    prediction, reference = images()
    prediction[0] += 50
    scores = metrics.score(prediction, reference, LIMITS, 15.0)
    mean = metrics.mean_scores(scores)
    assert mean.loss == pytest.approx(metrics.tomography_loss(prediction, reference))
    assert mean.rmse == pytest.approx(math.sqrt(np.mean((prediction.astype(float) - reference) ** 2)))
    assert mean.ssim == pytest.approx((scores[0].ssim + scores[1].ssim) / 2)
    assert math.isnan(mean.salt_iou)


def test_a_prediction_of_nan_is_not_averaged_away():
    prediction, reference = images()
    prediction[0] = np.nan
    mean = metrics.mean_scores(metrics.score(prediction, reference, LIMITS, 15.0))
    assert math.isnan(mean.loss)
    assert math.isnan(mean.ssim)


def test_ssim_is_the_published_formula():
    prediction, reference = (image[0].astype(np.float64) for image in images())

    def mean(image):
        return gaussian_filter(image, 1.5, truncate=3.5)

    mu, nu = mean(prediction), mean(reference)
    variance_p, variance_r = mean(prediction**2) - mu**2, mean(reference**2) - nu**2
    covariance = mean(prediction * reference) - mu * nu
    c1, c2 = (0.01 * 3800) ** 2, (0.03 * 3800) ** 2
    image = (2 * mu * nu + c1) * (2 * covariance + c2)
    image /= (mu**2 + nu**2 + c1) * (variance_p + variance_r + c2)
    expected = image[5:-5, 5:-5].mean()  # half of the 11 x 11 window is left out at the edges
    value = metrics.ssim(prediction[None], reference[None], LIMITS)[0]
    assert value == pytest.approx(expected, rel=1e-12)


def test_ssim_of_equal_images_is_one_in_single_precision():
    _, reference = images()
    np.testing.assert_allclose(metrics.ssim(reference, reference, LIMITS), 1.0, atol=1e-6)


def salt(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    mask = np.zeros((50, 60), dtype=bool)
    for top, bottom, left, right in boxes:
        mask[top:bottom, left:right] = True
    return mask


def test_intersection_over_union():
    truth = salt((20, 30, 10, 20))
    assert metrics.salt_iou(truth, truth) == 1
    assert metrics.salt_iou(salt((25, 35, 10, 20)), truth) == 50 / 150
    assert metrics.salt_iou(salt(), truth) == 0
    assert metrics.salt_iou(truth, salt()) == 0
    assert math.isnan(metrics.salt_iou(salt(), salt()))


def test_bodies_are_found_when_half_of_them_is_covered():
    truth = salt((10, 20, 5, 15), (30, 40, 40, 50))
    assert metrics.salt_found(salt((10, 15, 5, 15)), truth) == 0.5
    assert metrics.salt_found(salt((10, 14, 5, 15)), truth) == 0
    assert metrics.salt_found(salt((0, 50, 0, 60)), truth) == 1
    assert metrics.salt_found(salt((0, 50, 0, 60)), truth | salt((45, 46, 0, 5))) == 1  # a splinter of 5 cells
    assert math.isnan(metrics.salt_found(truth, salt((45, 46, 0, 5))))
    assert math.isnan(metrics.salt_found(truth, salt()))


def test_the_top_s_error_is_in_metres_over_shared_columns():
    truth = salt((20, 50, 10, 20))
    assert metrics.salt_top_error(salt((22, 30, 10, 20)), truth, 15.0) == 30
    assert metrics.salt_top_error(salt((18, 30, 10, 15), (10, 30, 40, 60)), truth, 15.0) == 30
    assert metrics.salt_top_error(salt((21, 30, 10, 12), (17, 30, 12, 14)), truth, 15.0) == 30
    assert math.isnan(metrics.salt_top_error(salt((20, 50, 30, 40)), truth, 15.0))
    assert math.isnan(metrics.salt_top_error(salt(), truth, 15.0))


@pytest.mark.parametrize(
    ("predicted", "true", "expected"),
    [
        ((), (), (math.nan, math.nan, math.nan)),
        (((20, 30, 10, 20),), (), (0.0, math.nan, math.nan)),
        ((), ((20, 30, 10, 20),), (0.0, 0.0, math.nan)),
        (((20, 30, 40, 50),), ((20, 30, 10, 20),), (0.0, 0.0, math.nan)),
        (((20, 30, 10, 20),), ((20, 30, 10, 20),), (1.0, 1.0, 0.0)),
        (((24, 30, 10, 20),), ((20, 30, 10, 20),), (0.6, 1.0, 40.0)),
    ],
    ids=("no salt", "false alarm", "missed", "elsewhere", "perfect", "too deep"),
)
def test_salt_scores_where_there_is_little_to_compare(predicted, true, expected):
    prediction, reference = (np.where(salt(*boxes), 4500.0, 3000.0)[None] for boxes in (predicted, true))
    (found,) = metrics.score(prediction, reference, LIMITS, 10.0)
    np.testing.assert_array_equal((found.salt_iou, found.salt_found, found.salt_top_error), expected)


def test_salt_scores_of_images_and_their_mean_over_those_that_have_one():
    reference = np.full((2, 50, 60), 3000.0)
    reference[0][salt((20, 30, 10, 20))] = 4500
    prediction = reference.copy()
    prediction[0][salt((20, 25, 10, 20))] = 4000  # not above the threshold
    with_salt, without = metrics.score(prediction, reference, LIMITS, 10.0)
    assert (with_salt.salt_iou, with_salt.salt_found, with_salt.salt_top_error) == (0.5, 1, 50)
    assert all(math.isnan(value) for value in (without.salt_iou, without.salt_found, without.salt_top_error))
    mean = metrics.mean_scores((with_salt, without))
    assert (mean.salt_iou, mean.salt_found, mean.salt_top_error) == (0.5, 1, 50)
    false_alarm = metrics.mean_scores((with_salt, replace(without, salt_iou=0.0)))
    assert false_alarm.salt_iou == 0.25


def test_misfit_of_gathers():
    given = np.random.default_rng(2).normal(size=(3, 2, 4, 5)).astype(np.float32)
    simulated = given * np.array([1.0, 0.0, 1.5], np.float32)[:, None, None, None]
    # float32 gathers, summed in float64: 1.5 is exact, so only the rounding of the product remains.
    np.testing.assert_allclose(misfit.gather_misfit(simulated, given), [0.0, 1.0, 0.5], rtol=1e-6)
    silent = np.zeros_like(given)
    assert np.all(np.isinf(misfit.gather_misfit(given, silent)))
    assert np.all(np.isnan(misfit.gather_misfit(silent, silent)))


def test_the_best_amplitude_leaves_a_residual_orthogonal_to_the_simulation():
    rng = np.random.default_rng(3)
    simulated, given = rng.normal(size=(2, 4, 2, 4, 5))
    amplitude = misfit.best_amplitude(simulated, given)
    residual = given - amplitude[:, None, None, None] * simulated
    np.testing.assert_allclose(np.sum(residual * simulated, axis=(1, 2, 3)), 0.0, atol=1e-12)
    np.testing.assert_allclose(misfit.best_amplitude(simulated, 7 * simulated), 7.0)
    assert np.all(np.isnan(misfit.best_amplitude(np.zeros_like(given), given)))
