"""Does a predicted model explain the data? Its survey, simulated, beside the given one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
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

    def cases(self) -> dict[str, int]:
        """The samples with the best, median and worst misfit, by these names; each sample once.

        One sample of two is both median and worst, and of one all three: best goes before worst before median.
        """
        order = np.argsort(self.misfit)
        named = {int(order[len(order) // 2]): "median", int(order[-1]): "worst", int(order[0]): "best"}
        return {named[sample]: sample for sample in sorted(named, key=lambda sample: self.misfit[sample])}


def explain(
    velocity: np.ndarray,
    gathers: Iterable[np.ndarray],
    simulator: Simulator,
    fit_amplitude: bool = False,
    progress: Callable[[], None] = lambda: None,
) -> Explained:
    """Simulate the survey of each model and compare it with the gathers given for it; dead traces count for nothing.

    Args:
        velocity: models [m/s], (sample, depth, x); values outside the acquisition's limits are simulated as the limit.
        gathers: for each model (source, receiver, time).
        simulator: of the acquisition that the gathers were recorded with.
        fit_amplitude: whether simulated surveys are multiplied by their `amplitude`, for data of an unknown source.
        progress: called after each model.
    """
    middle = simulator.acquisition.sources // 2
    rows = []
    last, last_simulated = None, np.empty(0)
    for model, given in zip(np.clip(velocity, *simulator.acquisition.velocity_limits), gathers, strict=True):
        if last is None or not np.array_equal(model, last):  # the mean model is the same every time
            last, last_simulated = model, simulator.gather(model)
        simulated = last_simulated * np.any(given != 0, axis=-1, keepdims=True)
        amplitude = best_amplitude(simulated[None], given[None])[0]
        if fit_amplitude:
            simulated = simulated * np.float32(amplitude)
        rows.append((gather_misfit(simulated[None], given[None])[0], amplitude, given[middle], simulated[middle]))
        progress()
    return Explained(*(np.array(column) for column in zip(*rows, strict=True)))


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
