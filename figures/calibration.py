"""How sure an ensemble says that it is, beside how far off it is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure


def calibration(curves: Mapping[str, tuple[np.ndarray, np.ndarray]], covered: Mapping[str, float]) -> Figure:
    """Draw the RMS error over the deviation, both in m/s, of places that were said to be equally sure.

    Args:
        curves: name -> mean deviations and RMS errors [m/s] of some classes of places, each (class,).
        covered: name -> the share of errors within two deviations.
    """
    figure = Figure(figsize=(4.6, 4.2), layout="constrained")
    axes = figure.subplots()
    every = np.concatenate([np.concatenate(pair) for pair in curves.values()])
    ends = float(every.min()) / 1.3, float(every.max()) * 1.3
    axes.plot(ends, ends, color="0.6", linewidth=1, label="as it says")
    for (name, (deviation, error)), marker in zip(curves.items(), "osD^v", strict=False):
        label = f"{name}: two deviations hold {100 * covered[name]:.0f} %"
        axes.plot(deviation, error, marker=marker, markersize=4, linewidth=1, label=label)
    axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends, aspect="equal")
    axes.set_xlabel("deviation that the ensemble states (m/s)")
    axes.set_ylabel("RMS error (m/s)")
    axes.legend(fontsize=8, loc="upper left")
    axes.grid(alpha=0.3)
    return figure
