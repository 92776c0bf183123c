"""One model of a report: its velocities, true and predicted, with errors, a log and deviations; and its gathers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from data_gen.acquisition import Acquisition
from data_gen.salt import is_salt
from figures.gathers import COMPARED_SHARE
from figures.logs import velocity_logs
from figures.palette import KILOMETRE, amplitude_clip
from figures.report.charts import Line, line_chart
from figures.report.frames import (
    deviation_frame,
    deviation_scale,
    error_frame,
    error_scale,
    gather_frame,
    velocity_frame,
    velocity_scale,
)
from figures.report.vector import scheme_svg
from figures.velocity import TRUTH
from tomo.pictures import log_column, recorded
from tomo.report.content import Picture, PictureRow
from training.evaluation.evaluate import MEAN_MODEL
from training.evaluation.scores import Scores

T = TypeVar("T")

ROUNDING = 100.0
"""Scales end at multiples of this [m/s]."""

ERROR_SHARE = 0.99
"""So many of the cells are within the scale of errors."""

TRACE_SHARE = 0.9
"""So many of a trace's samples are within half of what is drawn."""


@dataclass(frozen=True)
class Imaged:
    """One model and what was made of its gathers, all (depth, x) in m/s.

    `predictions` by name; `reference` is the true model where it is known; `scores` of the predictions, by name, and
    `deviations`, the standard deviation of an ensemble's members about it, where there are any.
    """

    predictions: Mapping[str, np.ndarray]
    reference: np.ndarray | None = None
    scores: Mapping[str, Scores] = field(default_factory=dict)
    deviations: Mapping[str, np.ndarray] = field(default_factory=dict)


def velocity_rows(model: Imaged, acquisition: Acquisition) -> tuple[PictureRow, ...]:
    """Velocities over each other; errors, or changes where the truth is not known; deviations."""
    rows = [replace(_velocities(model, acquisition), beside=_log(model, acquisition))]
    differences = _differences(model, acquisition.grid.spacing)
    if differences is not None:
        rows.append(differences)
    if model.deviations:
        rows.append(_deviations(model, acquisition.grid.spacing))
    return tuple(rows)


def gather_rows(
    given: np.ndarray, simulated: Mapping[str, np.ndarray], acquisition: Acquisition, captions: Mapping[str, str]
) -> tuple[PictureRow, ...]:
    """The middle shot (receiver, time) as it was given and as it is simulated, by name; and the differences.

    All are on one scale, set by the given gather. `captions` go under the simulated gathers, by name.
    """
    middle = acquisition.sources // 2
    live, x, time = acquisition.live[middle], acquisition.receiver_x, acquisition.time
    clip = amplitude_clip(recorded(given, live), COMPARED_SHARE)

    def drawn(gather: np.ndarray, title: str, alt: str, caption: str = "") -> Picture:
        return Picture(title, scheme_svg(gather_frame(recorded(gather, live), x, time, clip)), alt, caption)

    place = f"the shot at {acquisition.source_x[middle] / KILOMETRE:.2f} km"
    pictures = [drawn(given, "given", f"Gather of {place} as given: {len(x)} receivers, {time[-1]:.2f} s")]
    differences = []
    for name, gather in simulated.items():
        share = _rms(gather - given) / max(_rms(given), np.finfo(np.float64).tiny)
        said = f"difference of the RMS {share:.2f} of the given gather's"
        pictures.append(drawn(gather, name, f"Gather of {place} simulated from {name}: {said}", captions.get(name, "")))
        differences.append(drawn(gather - given, name, f"Gather of {place}, {name} minus given: {said}"))
    return (
        PictureRow(f"Gathers of {place}", tuple(pictures), None, True, _trace(given, simulated, acquisition)),
        PictureRow("Difference, simulated minus given, on the same scale", tuple(differences)),
    )


def scored(scores: Scores) -> str:
    """The scores of one model in a line."""
    parts = [f"RMSE {scores.rmse:.0f} m/s", f"SSIM {scores.ssim:.3f}"]
    if np.isfinite(scores.salt_iou):
        parts.append(f"salt IoU {scores.salt_iou:.2f}")
    return ", ".join(parts)


def charted(lines: Mapping[str, T]) -> dict[str, T]:
    """The order in charts, where the mean model is last: so a run has one colour in all of them."""
    return dict(sorted(lines.items(), key=lambda item: item[0] == MEAN_MODEL))


def _velocities(model: Imaged, acquisition: Acquisition) -> PictureRow:
    spacing = acquisition.grid.spacing
    limits = _limits(model)
    true_salt = None if model.reference is None else is_salt(model.reference)
    pictures = []
    if model.reference is not None:
        svg = scheme_svg(velocity_frame(model.reference, spacing, limits, true_salt=true_salt))
        pictures.append(Picture(TRUTH, svg, _in_words(f"Velocity model, {TRUTH}", model.reference)))
    for name, velocity in model.predictions.items():
        svg = scheme_svg(velocity_frame(velocity, spacing, limits, true_salt=true_salt, salt=is_salt(velocity)))
        caption = scored(model.scores[name]) if name in model.scores else ""
        pictures.append(Picture(name, svg, _in_words(f"Velocity model, {name}", velocity, caption), caption))
    scale = Picture("", scheme_svg(velocity_scale(limits)), "Scale of the velocities, in km/s: bright is fast")
    return PictureRow("Velocity", tuple(pictures), scale, compared=True)


def _limits(model: Imaged) -> tuple[float, float]:
    """Ends of the scale of one model's velocities, so that all of it is used."""
    whole = [*model.predictions.values()] if model.reference is None else [model.reference]
    low, high = min(float(each.min()) for each in whole), max(float(each.max()) for each in whole)
    low, high = ROUNDING * np.floor(low / ROUNDING), ROUNDING * np.ceil(high / ROUNDING)
    return low, max(high, low + ROUNDING)


def _end(images: Iterable[np.ndarray]) -> float:
    """The end of a scale [m/s] that all but a few cells of every image but the worst are within."""
    ends = sorted(float(np.quantile(np.abs(image), ERROR_SHARE)) for image in images)
    return ROUNDING * max(1.0, float(np.ceil(ends[-2 if len(ends) > 1 else -1] / ROUNDING)))


def _differences(model: Imaged, spacing: float) -> PictureRow | None:
    """Errors of all predictions; without a reference, what became of the first of them; None for one alone."""
    first, *later = model.predictions
    if model.reference is not None:
        title, label, sign = "Error", "predicted minus true (km/s)", "too slow, bright is too fast"
        differences = {name: velocity - model.reference for name, velocity in model.predictions.items()}
    elif later:
        title, label, sign = "Change", f"minus {first} (km/s)", "slower, bright is faster"
        differences = {f"{name} minus {first}": model.predictions[name] - model.predictions[first] for name in later}
    else:
        return None
    true_salt = None if model.reference is None else is_salt(model.reference)
    pictures, greatest = [], _end(differences.values())
    for name, difference in differences.items():
        svg = scheme_svg(error_frame(difference, spacing, greatest, true_salt=true_salt))
        said = f"mean {difference.mean():+.0f} m/s, RMS {_rms(difference):.0f} m/s"
        pictures.append(Picture(name, svg, f"{title} of the velocity, {name}: {said}", said))
    scale = scheme_svg(error_scale(greatest, label))
    return PictureRow(f"{title}: dark is {sign}", tuple(pictures), Picture("", scale, f"Scale, {label}"))


def _deviations(model: Imaged, spacing: float) -> PictureRow:
    greatest = _end(model.deviations.values())
    true_salt = None if model.reference is None else is_salt(model.reference)
    pictures = []
    for name, deviation in model.deviations.items():
        said = f"mean {deviation.mean():.0f} m/s, at most {deviation.max():.0f} m/s"
        svg = scheme_svg(deviation_frame(deviation, spacing, greatest, true_salt=true_salt))
        pictures.append(Picture(name, svg, f"Standard deviation of the velocity, {name}: {said}", said))
    scale = Picture("", scheme_svg(deviation_scale(greatest)), "Scale of the deviation, in km/s: bright is unsure")
    return PictureRow("Standard deviation of the ensemble: bright is unsure", tuple(pictures), scale)


def _log(model: Imaged, acquisition: Acquisition) -> Picture:
    """Velocity over depth where the salt is thickest; the reference is black."""
    *_, last = model.predictions.values()
    truth = last if model.reference is None else model.reference
    column = log_column(is_salt(truth))
    place = f"x = {acquisition.grid.x[column] / KILOMETRE:.2f} km"
    figure = velocity_logs(
        None if model.reference is None else model.reference[None, :, column],
        {name: velocity[None, :, column] for name, velocity in charted(model.predictions).items()},
        acquisition.grid.depth, titles=[""], salt=is_salt(truth)[None, :, column],
    )  # fmt: skip
    figure.set_size_inches(4.4, 5.0)
    whose = "true" if model.reference is not None else "found"
    caption = f"Shaded: {whose} salt." if is_salt(truth)[:, column].any() else ""
    alt = f"Velocity over depth at {place}: {', '.join(model.predictions)}" + (
        " and the reference" if model.reference is not None else ""
    )
    return Picture(f"Velocity log at {place}", scheme_svg(figure), alt, caption)


def _in_words(title: str, velocity: np.ndarray, scores: str = "") -> str:
    share = float(np.mean(is_salt(velocity)))
    salt = f"salt in {100 * share:.0f} % of the cells" if share else "no salt"
    return f"{title}: {velocity.min():.0f} to {velocity.max():.0f} m/s, {salt}" + (f"; {scores}" if scores else "")


def _trace(given: np.ndarray, simulated: Mapping[str, np.ndarray], acquisition: Acquisition) -> Picture:
    """The trace at half the greatest offset, as it was given and simulated, over the given one's greatest amplitude."""
    middle = acquisition.sources // 2
    offset = np.abs(acquisition.receiver_x - acquisition.source_x[middle])
    recording = np.flatnonzero(given.any(axis=-1) & acquisition.live[middle])
    chosen = recording[np.argmin(np.abs(offset[recording] - offset[recording].max() / 2))] if len(recording) else 0
    greatest = float(np.abs(given[chosen]).max()) or 1.0
    lines = [Line(name, acquisition.time, gather[chosen] / greatest) for name, gather in charted(simulated).items()]
    shown = 2.0 * amplitude_clip(given[chosen] / greatest, TRACE_SHARE)
    figure = line_chart(
        lines, "time (s)", "amplitude over the greatest given", y_limits=(-shown, shown),
        reference=Line("given", acquisition.time, given[chosen] / greatest),
    )  # fmt: skip
    place = (
        f"at {acquisition.receiver_x[chosen] / KILOMETRE:.2f} km, {offset[chosen] / KILOMETRE:.2f} km off the source"
    )
    alt = f"Pressure over time {place}: given, {', '.join(simulated)}"
    return Picture(f"The trace {place}", scheme_svg(figure), alt, "The strongest amplitudes are cut off.")


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))
