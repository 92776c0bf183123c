"""Shot gathers: what the receivers recorded, and how well a prediction explains it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from figures.palette import KILOMETRE, amplitude_clip, draw_gather, fitted

SHARE = 0.9
COMPARED_SHARE = 0.8


def shot_gathers(gathers: np.ndarray, source_x: np.ndarray, receiver_x: np.ndarray, time: np.ndarray) -> Figure:
    """Draw shots of one survey side by side on one symmetric grey scale.

    Args:
        gathers: (shot, receiver, time), any unit of pressure; NaN where nobody recorded.
        source_x: position [m] of each shot's source, (shot,).
        receiver_x: (receiver,) [m].
        time: (time,) [s].
    """
    figure = Figure(figsize=(2.5 * len(gathers) + 0.8, 4.0), layout="constrained")
    panels = figure.subplots(1, len(gathers), sharey=True, squeeze=False)[0]
    clip = amplitude_clip(gathers, SHARE)
    for axes, gather, x in zip(panels, gathers, source_x, strict=True):
        draw_gather(axes, gather, receiver_x, time, clip)
        axes.set_title(f"source at {x / KILOMETRE:.2f} km", fontsize=10)
        axes.set_xlabel("receiver (km)")
        axes.plot(x / KILOMETRE, time[0], marker="v", color="#D55E00", clip_on=False, markersize=8)
    panels[0].set_ylabel("time (s)")
    figure.supxlabel(_clip_note(SHARE), fontsize=8)
    return figure


def gather_comparison(
    given: np.ndarray,
    simulated: np.ndarray,
    receiver_x: np.ndarray,
    time: np.ndarray,
    *,
    cases: Sequence[str],
    misfits: Sequence[float] | None = None,
    title: str = "",
) -> Figure:
    """Draw given gather, gather simulated from the prediction, and their difference; one row a case.

    All three of a row share one grey scale, set by the given gather.

    Args:
        given, simulated: one shot of each case, (case, receiver, time); NaN where nobody recorded.
        receiver_x: (receiver,) [m].
        time: (time,) [s].
        cases: name of each row, as "best", "median", "worst".
        misfits: normalised RMS misfit of each case, written over its difference.
        title: above all, as the name of the run.
    """
    figure = Figure(figsize=(8.0, 2.6 * len(given) + 0.6), layout="constrained")
    panels = figure.subplots(len(given), 3, sharex=True, sharey=True, squeeze=False)
    for row, (case, observed, predicted) in enumerate(zip(cases, given, simulated, strict=True)):
        clip = amplitude_clip(observed, COMPARED_SHARE)
        columns = {"given": observed, "simulated": predicted, "difference": predicted - observed}
        for axes, (column, gather) in zip(panels[row], columns.items(), strict=True):
            draw_gather(axes, gather, receiver_x, time, clip)
            heading = [column] if row == 0 else []
            if column == "difference" and misfits is not None:
                heading.append(f"normalised RMS {misfits[row]:.2f}")
            axes.set_title("\n".join(heading), fontsize=10)
        panels[row, 0].set_ylabel(f"{case}\ntime (s)")
    for axes in panels[-1]:
        axes.set_xlabel("receiver (km)")
    figure.supxlabel(_clip_note(COMPARED_SHARE), fontsize=8)
    if title:
        figure.suptitle(fitted(title, 90), fontsize=11)
    return figure


def _clip_note(share: float) -> str:
    return f"grey scale symmetric about zero, strongest {1 - share:.0%} of the samples clipped"
