"""Scores of predicted velocity models, from arrays.

Velocities are images (depth, x) in m/s, sets of them (sample, depth, x). The loss is the paper's equation
(9): the squared error summed over the pixels of an image and averaged over the samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from skimage.metrics import structural_similarity

from data_gen.salt import bodies, is_salt

FOUND_SHARE = 0.5
"""A salt body is found if this share of its cells is predicted as salt."""


OF_SALT = ("salt_iou", "salt_found", "salt_top_error")
"""The scores that a sample may lack."""


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
    if name in OF_SALT:
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


def _score_one(prediction: np.ndarray, reference: np.ndarray, similarity: float, spacing: float) -> Scores:
    error = prediction.astype(np.float64) - reference
    mse = float(np.mean(error**2))
    salt, true_salt = is_salt(prediction), is_salt(reference)
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

    Bodies are those of `data_gen.salt.bodies`; masks (depth, x).
    """
    found = [np.count_nonzero(salt & body) >= FOUND_SHARE * np.count_nonzero(body) for body in bodies(true_salt)]
    return float(np.mean(found)) if found else float("nan")


def salt_top_error(salt: np.ndarray, true_salt: np.ndarray, spacing: float) -> float:
    """Mean absolute error [m] of the topmost salt's depth, over columns with salt in both masks (depth, x)."""
    shared = salt.any(axis=0) & true_salt.any(axis=0)
    if not shared.any():
        return float("nan")
    rows = np.argmax(salt, axis=0) - np.argmax(true_salt, axis=0)
    return float(np.mean(np.abs(rows[shared])) * spacing)
