"""The simulator: the constant-density acoustic wave equation, one Devito operator for every shot and model.

    u_tt = c² (Laplacian u + s(t) δ(x - x_source)),        fourth order in time, eighth in space.

The operator holds the time loop of one shot. It is built and compiled once; each shot only gets new numbers
in the same arrays. Velocities come in m/s and leave this file as (c dt)² in m², time in ms: the one place
where units change.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import devito
import numpy as np
from devito.types import Buffer

from data_gen.acquisition import Acquisition
from data_gen.simulator.absorbing import VECTOR, Layer, layer_equations, strips
from data_gen.simulator.clock import Clock
from data_gen.simulator.compilation import private_compilation
from data_gen.simulator.interpolation import KAISER_SHAPE, RADIUS, sinc_weights
from data_gen.simulator.stations import receivers, sources

TIME_ORDER = 4
SPACE_ORDER = 8

DEVITO = {"log_level": "ERROR", "compiler": "gcc", "language": "C", "mpi": False, "autopadding": False}
"""How Devito is set while the operator is made, whatever the environment says."""


def describe(acquisition: Acquisition) -> dict[str, Any]:
    """How an acquisition is simulated, as JSON-able values: scheme, clock [s], boundary, wavelet,
    interpolation."""
    clock = Clock.of(acquisition, SPACE_ORDER)
    return {
        "equation": "acoustic, constant density",
        "time_order": TIME_ORDER,
        "space_order": SPACE_ORDER,
        "step": clock.step,
        "steps_per_sample": clock.steps_per_sample,
        "stability_limit": clock.limit,
        "boundary": {"kind": "perfectly matched layer", **asdict(Layer())},
        "top": "free surface" if acquisition.free_surface else "absorbing",
        "wavelet": {
            "kind": "Ricker",
            "peak_frequency": acquisition.peak_frequency,
            "delay": acquisition.delay,
        },
        "interpolation": {"kind": "Kaiser-windowed sinc", "radius": RADIUS, "shape": KAISER_SHAPE},
        "precision": "float32",
    }


class Simulator:
    """Shot gathers of an acquisition: `Simulator(acquisition).gather(velocity)`.

    Building one takes seconds (Devito writes and compiles the operator), a shot milliseconds. Arithmetic and gathers
    are of `dtype`; float64 is for tests. Raises MachineError where it cannot be compiled.
    """

    def __init__(
        self,
        acquisition: Acquisition,
        layer: Layer | None = None,
        space_order: int = SPACE_ORDER,
        dtype: type[np.floating] = np.float32,
    ) -> None:
        self.acquisition = acquisition
        self.dtype = dtype
        self.layer = layer or Layer()
        self.space_order = space_order
        self.clock = Clock.of(acquisition, space_order)
        self._top = space_order // 2 if acquisition.free_surface else self.layer.cells
        side = self.layer.cells
        self.shape = (self._top + acquisition.grid.depth_cells + side, acquisition.grid.x_cells + 2 * side)
        self._place()
        self._build()

    def gather(self, velocity: np.ndarray) -> np.ndarray:
        """Pressure at the receivers (source, receiver, time), for a velocity (depth, x) in m/s.

        A point source radiates the acquisition's wavelet s(t) times the area of a cell.
        Raises DataError where the velocity does not suit the survey.
        """
        self.load(velocity)
        gathers = np.empty(self.acquisition.gather_shape, self.dtype)
        for shot in range(self.acquisition.sources):
            self.fire(shot, gathers[shot])
        return gathers

    def load(self, velocity: np.ndarray) -> None:
        """Let the shots that follow run through a velocity (depth, x) in m/s; raises as `gather` does."""
        self.acquisition.check_velocity(velocity)
        side = self.layer.cells
        padded = np.pad(velocity, ((self._top, side), (side, side)), mode="edge")
        self._courant.data[:] = (padded * 1e-3 * (self.clock.step * 1e3)) ** 2

    def fire(self, shot: int, gather: np.ndarray) -> None:
        """Write the gather (receiver, time) of a shot through the velocity that is loaded."""
        for array in self._state:
            array.fill(0)
        for force in self._forces:
            force.function.data[:] = force.weights[shot]
        self._operator.cfunction(*self._arguments)
        first, *others = self._lines
        np.matmul(first.weights, first.function.data.T, out=gather)
        for line in others:
            gather += line.weights @ line.function.data.T
        gather[~self.acquisition.live[shot]] = 0

    @property
    def loop_seconds(self) -> float:
        """Time spent in the operator's loops so far, by the generated code's own clocks."""
        timers = self._arguments[-1]._obj
        return sum(getattr(timers, name) for name, _ in timers._fields_)

    def _place(self) -> None:
        """Interpolation weights along x for the data, and along depth for the equations."""
        acquisition, side, shape = self.acquisition, self.layer.cells, self.shape
        mirror = self._top if acquisition.free_surface else None

        def placed(x: np.ndarray, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            column, row = x / acquisition.grid.spacing + side, depth / acquisition.grid.spacing + self._top
            return sinc_weights(column, shape[1]), sinc_weights(row, shape[0], mirror)

        self._source_x, self._source_z = placed(acquisition.source_x, acquisition.source_z)
        self._receiver_x, self._receiver_z = placed(acquisition.receiver_x, acquisition.receiver_z)

    def _build(self) -> None:
        self._make_fields()
        u, w, courant, (z, _) = self._u, self._w, self._courant, self.grid.dimensions
        stretched, memory = layer_equations(self.layer, self.grid, u, courant, w, self.clock.step * 1e3)
        equations = [
            *(
                devito.Eq(line.function, sum(factor * u.subs(z, row) for row, factor in rows.items()))
                for rows, line in self._recorded
            ),
            devito.Eq(w, courant * u.laplace),
            *stretched,
            *self._free_surface(w, z),
            *self._kept(w),
            devito.Eq(u.forward, 2 * u - u.backward + w + courant * w.laplace / 12),
        ]
        for row, factor in self._injected:
            force = factor * self._wavelet * courant.subs(z, row)
            equations.append(devito.Eq(u.forward.subs(z, row), u.forward.subs(z, row) + force))
        equations += self._free_surface(u.forward, z)
        self._state = [np.asarray(function.data_with_halo) for function in (u, w, *memory)]
        self._operator, self._arguments = self._compile("Shot", equations)

    def _make_fields(self) -> None:
        """The grid, and what lives on it: wavefield u, its w, (c dt)², the wavelet, what is injected and recorded."""
        acquisition, clock, shape = self.acquisition, self.clock, self.shape
        z, x = (
            devito.SpaceDimension(name=name, spacing=devito.Constant(name=f"h_{name}", dtype=self.dtype))
            for name in "zx"
        )
        self.grid = grid = devito.Grid(
            shape,
            extent=tuple((points - 1) * acquisition.grid.spacing for points in shape),
            dimensions=(z, x),
            subdomains=strips(self.layer.cells, acquisition.free_surface, self.space_order // 2),
            dtype=self.dtype,
        )
        time = grid.time_dim
        order = self.space_order
        # Rows begin on a cache line: the left halo is one vector wide, a whole row a number of them.
        self._halo = (order, VECTOR, order // 2 + -(shape[1] + order // 2) % VECTOR)
        self._u = devito.TimeFunction(name="u", grid=grid, time_order=2, space_order=self._halo, save=Buffer(2))
        self._w = devito.TimeFunction(name="w", grid=grid, time_order=1, space_order=self._halo, save=Buffer(1))
        self._courant = devito.Function(name="courant", grid=grid, space_order=0)
        self._wavelet = devito.Function(
            name="wavelet", dimensions=(time,), shape=(clock.steps + 1,), dtype=self.dtype
        )  # fmt: skip
        self._wavelet.data[:] = clock.injected(acquisition.wavelet(clock.times))
        sample = devito.ConditionalDimension("sample", parent=time, factor=clock.steps_per_sample)

        def row_of(name: str) -> devito.Function:
            return devito.Function(name=name, grid=grid, dimensions=(x,), shape=shape[1:], space_order=0)

        def line_of(name: str) -> devito.TimeFunction:
            return devito.TimeFunction(
                name=name, grid=grid, dimensions=(sample, x), shape=(acquisition.samples, shape[1]),
                time_dim=sample, save=acquisition.samples, space_order=0,
            )  # fmt: skip

        self._injected, self._forces = sources(self._source_x, self._source_z, row_of)
        self._recorded = receivers(self._receiver_x, self._receiver_z, line_of)
        self._lines = [line for _, line in self._recorded]

    def _kept(self, w: devito.TimeFunction) -> list[devito.Eq]:
        """Equations that keep w for later: none."""
        return []

    def _compile(self, name: str, equations: list[devito.Eq]) -> tuple[devito.Operator, list[Any]]:
        """The operator of equations over all steps, compiled, and the arguments of its C function."""
        with private_compilation(), devito.switchconfig(**DEVITO):
            operator = devito.Operator(
                equations, name=name, subs=self.grid.spacing_map, opt=("advanced", {"openmp": False})
            )
            compiled = operator.arguments(time_m=0, time_M=self.clock.steps)
            operator.cfunction  # noqa: B018 (compiles)
        return operator, [compiled[parameter.name] for parameter in operator.parameters]

    def _free_surface(self, field: devito.TimeFunction, z: devito.Dimension) -> list[devito.Eq]:
        """Mirror a field about the free surface: odd above it, zero on it; nothing where there is none."""
        if not self.acquisition.free_surface:
            return []
        above = [
            devito.Eq(field.subs(z, self._top - row), -field.subs(z, self._top + row))
            for row in range(1, self.space_order // 2 + 1)
        ]
        return [devito.Eq(field.subs(z, self._top), 0), *above]
