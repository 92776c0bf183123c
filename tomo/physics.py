"""Does a predicted model explain the data? Its survey, simulated, beside the given one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.progress import track

if TYPE_CHECKING:
    from data_gen.acquisition import Acquisition
    from data_gen.simulator.acoustic import Simulator


@dataclass(frozen=True)
class Explained:
    """How the simulated surveys of some models compare with the given ones.

    `misfit` (sample,), RMS of simulated minus given over RMS of given; `amplitude` (sample,), the factor that brings
    the simulated survey nearest to the given one; `given` and `simulated` (sample, receiver, time), the gathers of
    the middle source.
    """

    misfit: np.ndarray
    amplitude: np.ndarray
    given: np.ndarray
    simulated: np.ndarray


def explain(
    velocity: np.ndarray, gathers: Iterable[np.ndarray], simulator: Simulator, fit_amplitude: bool = False
) -> Explained:
    """Simulate the survey of each model and compare it with the gathers given for it.

    Args:
        velocity: models [m/s], (sample, depth, x); values outside the acquisition's limits are simulated as the limit.
        gathers: for each model (source, receiver, time).
        simulator: of the acquisition that the gathers were recorded with.
        fit_amplitude: whether simulated surveys are multiplied by their `amplitude`, for data of an unknown source.
    """
    from training.evaluation.scores import best_amplitude, gather_misfit

    middle = simulator.acquisition.sources // 2
    rows = []
    last, last_simulated = None, np.empty(0)
    pairs = zip(np.clip(velocity, *simulator.acquisition.velocity_limits), gathers, strict=True)
    for model, given in track(pairs, "simulating", len(velocity), console=Console(stderr=True), transient=True):
        if last is None or not np.array_equal(model, last):  # the mean model is the same every time
            last, last_simulated = model, simulator.gather(model)
        simulated = last_simulated
        amplitude = best_amplitude(simulated[None], given[None])[0]
        if fit_amplitude:
            simulated = simulated * np.float32(amplitude)
        rows.append((gather_misfit(simulated[None], given[None])[0], amplitude, given[middle], simulated[middle]))
    return Explained(*(np.array(column) for column in zip(*rows, strict=True)))


def draw(explained: Explained, acquisition: Acquisition, title: str, picture: Path) -> None:
    """Draw given gather, simulated gather and difference of the models with the best, median and worst misfit."""
    from figures.gathers import gather_comparison

    order = np.argsort(explained.misfit)
    # One sample of two is both median and worst, and of one all three: the later name holds.
    cases = {order[len(order) // 2]: "median", order[-1]: "worst", order[0]: "best"}
    chosen = sorted(cases, key=lambda sample: explained.misfit[sample])
    gather_comparison(
        explained.given[chosen], explained.simulated[chosen], acquisition.receiver_x, acquisition.time,
        cases=[cases[sample] for sample in chosen], misfits=list(explained.misfit[chosen]), title=title,
    ).savefig(picture, dpi=150)  # fmt: skip
