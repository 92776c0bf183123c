"""The simulators that are compared: each turns a velocity model into the same record of an acquisition.

A contender is built for an acquisition, says how many `points` its grid has (absorbing cells included) and how many
`steps` a shot takes, and has `gather(velocity)`, float32 (source, receiver, time) for a velocity (depth, x) in m/s.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Protocol

import numpy as np

from data_gen.acquisition import Acquisition

SPACE_ORDER: Final = 8
RADIUS = 4


class Contender(Protocol):
    """What is timed and tested."""

    points: int
    steps: int

    def gather(self, velocity: np.ndarray) -> np.ndarray:
        """Shot gathers of a velocity model."""


class Ours:
    """This project: one operator for every model, fourth order in time, a matched layer; one thread."""

    def __init__(self, acquisition: Acquisition) -> None:
        from data_gen.simulator.acoustic import Simulator

        self.simulator = Simulator(acquisition)
        self.points, self.steps = int(np.prod(self.simulator.shape)), self.simulator.clock.steps + 1
        self.gather = self.simulator.gather


class PlainDevito:
    """Devito as its tutorials have it, with OpenMP: a damped equation of second order in time, rebuilt per model.

    The sponge is `cells` wide. The tutorials' linear interpolation is replaced by Devito's sinc, without which the
    record would be another one.
    """

    def __init__(self, acquisition: Acquisition, cells: int = 100) -> None:
        self._acquisition, self._cells = acquisition, cells
        self._shape = acquisition.grid.depth_cells + 2 * cells, acquisition.grid.x_cells + 2 * cells
        largest = 0.42 * acquisition.grid.spacing / acquisition.velocity_limits[1]
        self._per_sample = int(np.ceil(acquisition.sample_interval / largest))
        self.points = int(np.prod(self._shape))
        self.steps = self._per_sample * (acquisition.samples - 1) + 1

    def gather(self, velocity: np.ndarray) -> np.ndarray:
        """Shot gathers of a velocity model: builds the operator, then runs it for every source."""
        import devito

        devito.configuration["log-level"] = "ERROR"
        acquisition, cells = self._acquisition, self._cells
        step = acquisition.sample_interval / self._per_sample * 1e3
        extent = tuple((points - 1) * acquisition.grid.spacing for points in self._shape)
        grid = devito.Grid(self._shape, extent=extent, dtype=np.float32)
        m = devito.Function(name="m", grid=grid, space_order=SPACE_ORDER)
        damp = devito.Function(name="damp", grid=grid, space_order=SPACE_ORDER)
        u = devito.TimeFunction(name="u", grid=grid, time_order=2, space_order=SPACE_ORDER)
        slowness = 1e3 / np.pad(velocity, cells, mode="edge")
        m.data[:] = slowness**2
        damp.data[:] = self._damping() * slowness

        sparse = partial(devito.SparseTimeFunction, grid=grid, nt=self.steps, interpolation="sinc", r=RADIUS)
        source = sparse(name="source", npoint=1)
        receivers = sparse(name="receivers", npoint=acquisition.receivers)
        source.data[:, 0] = acquisition.wavelet(np.arange(self.steps) * step * 1e-3)
        receivers.coordinates.data[:] = self._coordinates(acquisition.receiver_x, acquisition.receiver_z)
        equation = devito.Eq(m * u.dt2 - u.laplace + damp * u.dt)
        operator = devito.Operator(
            [
                devito.Eq(u.forward, devito.solve(equation, u.forward)),
                source.inject(field=u.forward, expr=source * step**2 / m),
                receivers.interpolate(expr=u),
            ],
            subs=grid.spacing_map,
            language="openmp",
        )
        gathers = np.empty(acquisition.gather_shape, np.float32)
        for shot, place in enumerate(self._coordinates(acquisition.source_x, acquisition.source_z)):
            source.coordinates.data[0] = place
            u.data_with_halo[:] = 0
            operator.apply(time_m=0, time_M=self.steps - 1, dt=step)
            gathers[shot] = np.asarray(receivers.data)[:: self._per_sample].T
        return gathers

    def _coordinates(self, x: np.ndarray, depth: np.ndarray) -> np.ndarray:
        return np.stack([depth, x], axis=-1) + self._cells * self._acquisition.grid.spacing

    def _damping(self) -> np.ndarray:
        """d / c [1/m] of u_tt + d u_t = c² Laplacian u, (depth, x): what crosses it twice keeps 1 %."""
        squares = []
        for points in self._shape:
            index = np.arange(points)
            inside = np.maximum(self._cells - index, index - (points - 1 - self._cells)).clip(0) / self._cells
            squares.append(inside**2)
        width = self._cells * self._acquisition.grid.spacing
        return 3 * np.log(100) / width * (squares[0][:, None] + squares[1])


class Deepwave:
    """deepwave.scalar: second order in time, all shots in one batch, its own matched layer `cells` wide.

    `courant` is its Courant number, at most 0.78; 0.6 is its default. Its interpolation of receivers needs four
    cells of model on either side of them, which are given to it.
    """

    def __init__(self, acquisition: Acquisition, cells: int = 5, courant: float = 0.6) -> None:
        import torch

        self._acquisition, self._cells, self._courant = acquisition, cells, courant
        shots = acquisition.sources
        self._sources = torch.from_numpy(self._places(acquisition.source_x, acquisition.source_z)[:, None])
        receivers = self._places(acquisition.receiver_x, acquisition.receiver_z)
        self._receivers = torch.from_numpy(receivers).expand(shots, -1, -1)
        wavelet = -acquisition.wavelet(acquisition.time).astype(np.float32)
        self._amplitudes = torch.from_numpy(wavelet).expand(shots, 1, -1)
        self.points = (acquisition.grid.depth_cells + 2 * cells) * (acquisition.grid.x_cells + 2 * (RADIUS + cells))
        largest = courant * acquisition.grid.spacing / np.sqrt(2) / acquisition.velocity_limits[1]
        self.steps = int(np.ceil(acquisition.sample_interval / largest)) * acquisition.samples

    def gather(self, velocity: np.ndarray) -> np.ndarray:
        """Shot gathers of a velocity model, without the derivatives that deepwave can also give."""
        import torch

        with torch.inference_mode():
            return self.recorded(torch.from_numpy(np.pad(velocity, ((0, 0), (RADIUS, RADIUS)), mode="edge"))).numpy()

    def recorded(self, padded: Any) -> Any:
        """Gathers, a tensor, of a velocity model that has `RADIUS` more cells on either side, also one."""
        import deepwave

        acquisition = self._acquisition
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return deepwave.scalar(
                padded,
                acquisition.grid.spacing,
                acquisition.sample_interval,
                source_amplitudes=self._amplitudes,
                source_locations=self._sources,
                receiver_locations=self._receivers,
                accuracy=SPACE_ORDER,
                pml_width=self._cells,
                pml_freq=acquisition.peak_frequency,
                max_vel=acquisition.velocity_limits[1],
                courant_number=self._courant,
            ).receiver_amplitudes

    def _places(self, x: np.ndarray, depth: np.ndarray) -> np.ndarray:
        spacing = self._acquisition.grid.spacing
        return np.stack([depth / spacing, x / spacing + RADIUS], axis=-1).astype(np.float32)


CONTENDERS: Mapping[str, Callable[[Acquisition], Contender]] = {
    "tomo": Ours,
    "deepwave": Deepwave,
    "deepwave, 1.6 ms": partial(Deepwave, courant=0.75),
    "plain Devito": PlainDevito,
}
ALL_CORES = ("plain Devito",)
"""These put all cores on one shot; the others run as one process per core, each with a model of its own."""
