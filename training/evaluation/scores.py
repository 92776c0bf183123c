"""Scores of predicted velocity models and of simulated gathers, from arrays.

Velocities are images (depth, x) in m/s, sets of them (sample, depth, x). The loss is the paper's equation
(9): the squared error summed over the pixels of an image and averaged over the samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from scipy.ndimage import label
from skimage.metrics import structural_similarity

SALT_THRESHOLD = 4000.0
"""Faster than this [m/s] is salt, in predictions and references alike."""

FOUND_SHARE = 0.5
"""A salt body is found if this share of its cells is predicted as salt."""

SMALLEST_BODY = 0.002
"""Connected salt below this share of the image is a splinter, not a body."""


@dataclass(frozen=True)
class Scores:
    """Scores of one predicted image, or their means over a set (`mean_scores`).

    `loss` [(m/s)²], squared error summed over the pixels; `mse` [(m/s)²], `rmse` and `mae` [m/s] per pixel;
    `ssim`. Salt as a detection: `salt_iou`, intersection over union of the salt masks; `salt_found`, the
    share of the reference's salt bodies that were found; `salt_top_error` [m], mean absolute error of the
    depth of the topmost salt, over the columns where both images have some. A salt score with nothing to
    compare is NaN: `salt_iou` when neither image has salt (it is 0 when only one has), `salt_found` when
    the reference has no body, `salt_top_error` when no column is shared.
    """

    loss: float
    mse: float
    rmse: float
    mae: float
    ssim: float
    salt_iou: float
    salt_found: float
    salt_top_error: float


def score(
    prediction: np.ndarray, reference: np.ndarray, velocity_limits: tuple[float, float], spacing: float
) -> tuple[Scores, ...]:
    """Score each predicted image against its reference.

    Args:
        prediction, reference: velocities [m/s], (sample, depth, x).
        velocity_limits: least and greatest velocity [m/s] of the survey, whose span is SSIM's data range.
        spacing: distance [m] between rows.
    """
    similarities = ssim(prediction, reference, velocity_limits)
    return tuple(
        _score_one(*pair, similarity=float(similarity), spacing=spacing)
        for pair, similarity in zip(zip(prediction, reference, strict=True), similarities, strict=True)
    )


def mean_scores(scores: Sequence[Scores]) -> Scores:
    """Means over the samples; `rmse` is the root of the mean `mse`, and salt scores leave out NaN."""
    means = {field.name: _mean([getattr(s, field.name) for s in scores], field.name) for field in fields(Scores)}
    return Scores(**{**means, "rmse": means["mse"] ** 0.5})


def _mean(values: list[float], name: str) -> float:
    """The mean; a salt score's over the samples that have one. NaN stays visible in all other scores."""
    kept = np.array(values, dtype=float)
    if name.startswith("salt"):
        kept = kept[~np.isnan(kept)]
    return float(kept.mean()) if kept.size else float("nan")


def tomography_loss(prediction: np.ndarray, reference: np.ndarray) -> float:
    """Equation (9) [(m/s)²]: squared error summed over pixels, averaged over samples, (sample, depth, x)."""
    error = prediction.astype(np.float64) - reference
    return float(np.mean(np.sum(error**2, axis=(1, 2))))


def ssim(prediction: np.ndarray, reference: np.ndarray, velocity_limits: tuple[float, float]) -> np.ndarray:
    """Structural similarity (Wang et al. 2004) of each pair of images, (sample,); both (sample, depth, x).

    Gaussian weights of 1.5 cells over 11 x 11 cells, population covariance; the data range is the span of
    `velocity_limits` [m/s]. Images smaller than 11 x 11 cells raise ValueError; what has diverged scores NaN or 0.
    """
    lowest, highest = velocity_limits
    with np.errstate(over="ignore", invalid="ignore"):
        values = [
            structural_similarity(
                image,
                truth,
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
                data_range=highest - lowest,
            )
            for image, truth in zip(prediction, reference, strict=True)
        ]
    return np.array(values, dtype=np.float64)


def gather_misfit(simulated: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Normalised RMS misfit `rms(simulated - given) / rms(given)` of each survey, (sample,).

    Both (sample, source, receiver, time), of one unit. Equal gathers give 0, silence instead of gathers
    gives 1; a given survey that is silent itself gives inf, or NaN when the simulated one is silent too.
    """
    axes = (1, 2, 3)
    misfit = np.mean((simulated.astype(np.float64) - given) ** 2, axis=axes)
    power = np.mean(given.astype(np.float64) ** 2, axis=axes)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sqrt(misfit / power)


def best_amplitude(simulated: np.ndarray, given: np.ndarray) -> np.ndarray:
    """The factor of each simulated survey, (sample,), that comes nearest to the given one in least squares.

    Both (sample, source, receiver, time). Gathers of one unit and a perfect model give 1; NaN for a silent simulation.
    """
    axes = (1, 2, 3)
    product = np.sum(simulated.astype(np.float64) * given, axis=axes)
    with np.errstate(divide="ignore", invalid="ignore"):
        return product / np.sum(simulated.astype(np.float64) ** 2, axis=axes)


def _score_one(prediction: np.ndarray, reference: np.ndarray, similarity: float, spacing: float) -> Scores:
    error = prediction.astype(np.float64) - reference
    mse = float(np.mean(error**2))
    salt, true_salt = prediction > SALT_THRESHOLD, reference > SALT_THRESHOLD
    return Scores(
        loss=mse * error.size,
        mse=mse,
        rmse=mse**0.5,
        mae=float(np.mean(np.abs(error))),
        ssim=similarity,
        salt_iou=salt_iou(salt, true_salt),
        salt_found=salt_found(salt, true_salt),
        salt_top_error=salt_top_error(salt, true_salt, spacing),
    )


def salt_iou(salt: np.ndarray, true_salt: np.ndarray) -> float:
    """Intersection over union of two masks (depth, x); NaN when both are empty."""
    union = np.count_nonzero(salt | true_salt)
    return np.count_nonzero(salt & true_salt) / union if union else float("nan")


def salt_found(salt: np.ndarray, true_salt: np.ndarray) -> float:
    """Share of the bodies in `true_salt` of which at least half is `salt`; NaN when there is no body.

    Bodies are cells connected by their sides, together at least 0.2 % of the image (depth, x).
    """
    bodies, count = label(true_salt)
    sizes = np.bincount(bodies.ravel(), minlength=count + 1)[1:]
    covered = np.bincount(bodies[salt], minlength=count + 1)[1:]
    large = sizes >= SMALLEST_BODY * true_salt.size
    return float(np.mean(covered[large] >= FOUND_SHARE * sizes[large])) if large.any() else float("nan")


def salt_top_error(salt: np.ndarray, true_salt: np.ndarray, spacing: float) -> float:
    """Mean absolute error [m] of the topmost salt's depth, over columns with salt in both masks (depth, x)."""
    shared = salt.any(axis=0) & true_salt.any(axis=0)
    if not shared.any():
        return float("nan")
    rows = np.argmax(salt, axis=0) - np.argmax(true_salt, axis=0)
    return float(np.mean(np.abs(rows[shared])) * spacing)
