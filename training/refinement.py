"""Refinement: a network's prediction as the start of a full-waveform inversion of the same gathers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from data_gen.acquisition import Acquisition
from data_gen.inversion.invert import SCHEDULE, Inversion, Stage, invert
from data_gen.simulator.gradient import ParallelGradient


def refine(
    velocity: np.ndarray,
    gathers: Iterable[np.ndarray],
    acquisition: Acquisition,
    stages: Sequence[Stage] = SCHEDULE,
    source: str = "amplitude",
    threads: int | None = None,
    progress: Callable[[int, float], None] = lambda model, misfit: None,
) -> Iterator[Inversion]:
    """Invert the gathers (source, receiver, time) of each model from its predicted velocity (model, depth, x) [m/s].

    One after the other, so that each can be written as it comes. `acquisition` is that of the gathers, whose grid is
    the prediction's. `source` says what is known of it, and `progress` is told the model and misfit of each simulation.
    Raises DataError and MachineError as `invert`.
    """
    gradients = ParallelGradient(acquisition, threads)
    for model, (start, recorded) in enumerate(zip(velocity, gathers, strict=True)):

        def told(stage: int, misfit: float, model: int = model) -> None:
            progress(model, misfit)

        yield invert(recorded, start, acquisition, gradients, stages, source, progress=told)


def most_simulations(stages: Sequence[Stage]) -> int:
    """So many gradients an inversion takes at most, but for a last line search."""
    return sum(stage.iterations + stage.iterations // 2 + 1 for stage in stages)
