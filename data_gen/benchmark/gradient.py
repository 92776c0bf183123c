"""What a gradient of the data misfit costs, beside the simulation it is of and beside deepwave's."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from data_gen.acquisition import Acquisition
from data_gen.benchmark.contenders import RADIUS, Deepwave
from data_gen.benchmark.race import processes, salt_models
from data_gen.machine import describe_machine
from data_gen.simulator.acoustic import Simulator
from data_gen.simulator.gradient import GradientSimulator

MODELS = 2


class DeepwaveGradient(Deepwave):
    """deepwave's gradient of half the squared difference to gathers, all shots in one batch."""

    def gradient(self, velocity: np.ndarray, recorded: np.ndarray) -> np.ndarray:
        """The gradient (depth, x) by velocity (depth, x) [m/s] of the misfit to gathers (source, receiver, time)."""
        import torch

        model = torch.from_numpy(velocity).requires_grad_()
        padded = torch.nn.functional.pad(model[None, None], (RADIUS, RADIUS, 0, 0), mode="replicate")[0, 0]
        (0.5 * (self.recorded(padded) - torch.from_numpy(recorded)).square().sum()).backward()
        assert model.grad is not None
        return model.grad.numpy()


def measure_gradients(acquisitions: Mapping[str, Acquisition], rounds: int) -> dict[str, Any]:
    """By name of each acquisition: CPU seconds of a simulation, of a gradient, and of deepwave's, round by round.

    In one process of one thread, one after the other. `agreement` is the correlation of both gradients below the first
    tenth of the depth; close to the stations they are of the grid. Raises ImportError without deepwave.
    """
    results: dict[str, Any] = {"machine": describe_machine(("tomo", "devito", "deepwave", "torch", "numpy"))}
    for name, acquisition in acquisitions.items():
        with processes(1, 1) as pool:
            results[name] = pool.apply(_measure, (acquisition, rounds))
    return results


def _measure(acquisition: Acquisition, rounds: int) -> dict[str, Any]:
    import torch

    torch.set_num_threads(1)
    simulator, ours = Simulator(acquisition), GradientSimulator(acquisition)
    theirs = DeepwaveGradient(acquisition)
    row: dict[str, Any] = {"simulation": [], "gradient": [], "deepwave": [], "agreement": []}
    for turn in range(rounds + 1):
        velocity = salt_models(acquisition, MODELS)[turn % MODELS]
        recorded = simulator.gather(np.clip(velocity * np.float32(0.97), *acquisition.velocity_limits))

        def residual(shot: int, gather: np.ndarray, recorded: np.ndarray = recorded) -> tuple[float, np.ndarray]:
            difference = gather - recorded[shot]
            return 0.5 * float(np.sum(difference**2)), difference

        times = [time.process_time()]
        simulator.gather(velocity)
        times.append(time.process_time())
        _, gradient = ours.gradient(velocity, residual)
        times.append(time.process_time())
        other = theirs.gradient(velocity, recorded)
        times.append(time.process_time())
        if turn == 0:  # compiles, and finds its memory
            continue
        for which, seconds in zip(("simulation", "gradient", "deepwave"), np.diff(times), strict=True):
            row[which].append(float(seconds))
        deep = slice(acquisition.grid.depth_cells // 10, None)
        row["agreement"].append(float(np.corrcoef(gradient[deep].ravel(), other[deep].ravel())[0, 1]))
    return row
