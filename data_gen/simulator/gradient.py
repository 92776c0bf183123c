"""The gradient of a data misfit with respect to velocity, by the adjoint of the simulator's own scheme.

With m = (c dt)², L the Laplacian with its layer and S the sampling at the receivers, a step of the simulator is

    w_n = m L u_n,        u_n+1 = 2 u_n - u_n-1 + w_n + m lap(w_n) / 12 + m f s_n.

Its transpose runs backwards in time from the derivative of the misfit with respect to the gather, d = S u. For y_n = m
times the adjoint of u_n+1 it reads

    q_n = y_n + m lap(y_n) / 12,        y_n-1 = 2 y_n - y_n+1 + m L' q_n + m S' d_n,

so that the plain part of the operator is the same in both directions and only the layer has to be transposed
(`layer_adjoint`). The derivative with respect to m sums, over all steps,

    (q_n w_n / m + y_n lap(w_n) / 12 + y_n f s_n) / m,

w being the one field that the simulator keeps. To keep it at every step makes the gradient that of the discrete scheme
to the last digit. Once a sample is enough for waves that the record itself can hold; d, which the transpose would
inject at the samples alone, is then interpolated to the steps between them, since impulses would raise frequencies
that once a sample cannot tell from the signal's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import devito
import numpy as np
from devito.types import Buffer

from data_gen.acquisition import Acquisition
from data_gen.machine import available_cores
from data_gen.simulator.absorbing import Layer, layer_adjoint
from data_gen.simulator.acoustic import SPACE_ORDER, Simulator

Residual = Callable[[int, np.ndarray], tuple[float, np.ndarray]]
"""(shot, its gather (receiver, time)) -> the shot's misfit, and the derivative by the gather, of the same shape."""


class GradientSimulator(Simulator):
    """Misfits and their gradients for an acquisition: `GradientSimulator(acquisition).gradient(velocity, residual)`.

    A shot's w is kept once a sample, or with `every_step` at each step of the scheme: (samples or steps, depth, x)
    numbers, 12 MB for a shot of the `laptop` survey. Building one compiles two operators.
    """

    def __init__(
        self,
        acquisition: Acquisition,
        layer: Layer | None = None,
        space_order: int = SPACE_ORDER,
        dtype: type[np.floating] = np.float32,
        every_step: bool = False,
    ) -> None:
        self.every_step = every_step
        super().__init__(acquisition, layer, space_order, dtype)
        self._build_adjoint()

    def gradient(self, velocity: np.ndarray, residual: Residual) -> tuple[float, np.ndarray]:
        """The misfit of a velocity (depth, x) [m/s], summed over the shots, and its gradient (depth, x) by velocity.

        `residual(shot, gather)` says what the misfit of a shot's simulated gather is, and its derivative. Raises
        DataError where the velocity does not suit the survey.
        """
        return self.of_shots(range(self.acquisition.sources), velocity, residual)

    def of_shots(self, shots: Iterable[int], velocity: np.ndarray, residual: Residual) -> tuple[float, np.ndarray]:
        """As `gradient`, for some of the shots."""
        self.load(velocity)
        misfit = 0.0
        image = np.zeros(self.shape)
        gather = np.empty(self.acquisition.gather_shape[1:], self.dtype)
        for shot in shots:
            self.fire(shot, gather)
            of_shot, derivative = residual(shot, gather)
            misfit += of_shot
            image += self._back(derivative * self.acquisition.live[shot, :, None])
        return misfit, self._by_velocity(image, velocity)

    def _back(self, derivative: np.ndarray) -> np.ndarray:
        """m times the misfit's derivative by m on the padded grid, from that by the gather of the shot just fired."""
        for array in self._adjoint_state:
            array.fill(0)
        for line, back in zip(self._lines, self._back_rows, strict=True):
            back.data[:] = self._between_samples(derivative.T @ line.weights)
        self._adjoint.cfunction(*self._adjoint_arguments)
        return self._image.data[:] * float(self._stride) + self._source_image.data[:]

    def _between_samples(self, line: np.ndarray) -> np.ndarray:
        """The row to inject at each step (steps + 1, x) from what the transpose injects at the samples (samples, x)."""
        factor = self.clock.steps_per_sample
        if self.every_step:
            steps = np.zeros((self.clock.steps + 1, line.shape[1]), self.dtype)
            steps[::factor] = line
            return steps
        padded = 2 * len(line)
        spectrum = np.fft.rfft(line, padded, axis=0)
        return np.fft.irfft(spectrum, factor * padded, axis=0)[: self.clock.steps + 1]

    def _by_velocity(self, image: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """The chain to velocity: m = (c dt)² of a model that is continued sideways into the layer."""
        if self.acquisition.free_surface:
            image = image.copy()
            image[: self._top + 1] = 0
        padded = np.pad(velocity, ((self._top, self.layer.cells), (self.layer.cells,) * 2), mode="edge")
        image = image * 2 / padded
        for axis, (before, points) in enumerate(zip((self._top, self.layer.cells), velocity.shape, strict=True)):
            image = np.moveaxis(image, axis, 0)
            inside = image[before : before + points].copy()
            inside[0] += image[:before].sum(0)
            inside[-1] += image[before + points :].sum(0)
            image = np.moveaxis(inside, 0, axis)
        return image

    @property
    def _stride(self) -> int:
        """Steps from one w that is kept to the next."""
        return 1 if self.every_step else self.clock.steps_per_sample

    def _kept(self, w: devito.TimeFunction) -> list[devito.Eq]:
        time = self.grid.time_dim
        kept = self.clock.steps // self._stride + 1
        self._snapshot = devito.ConditionalDimension("snapshot", parent=time, factor=self._stride)
        self._saved = devito.TimeFunction(
            name="saved", grid=self.grid, time_order=0, space_order=self._halo, time_dim=self._snapshot, save=kept
        )
        return [devito.Eq(self._saved, w)]

    def _build_adjoint(self) -> None:
        grid, courant, saved, halo = self.grid, self._courant, self._saved, self._halo
        z, x = grid.dimensions
        y = devito.TimeFunction(name="y", grid=grid, time_order=2, space_order=halo, save=Buffer(2))
        q = devito.TimeFunction(name="q", grid=grid, time_order=1, space_order=halo, save=Buffer(1))
        image = devito.Function(name="image", grid=grid, space_order=0)
        at_source = devito.Function(name="at_source", grid=grid, space_order=0)
        self._back_rows = [
            devito.TimeFunction(
                name=f"back_{line.function.name}", grid=grid, dimensions=(grid.time_dim, x),
                shape=(self.clock.steps + 1, self.shape[1]), save=self.clock.steps + 1, space_order=0,
            )
            for line in self._lines
        ]  # fmt: skip
        stretched, memory = layer_adjoint(self.layer, grid, q, courant, y.backward, self.clock.step * 1e3)
        equations = [
            devito.Eq(q, y + courant * y.laplace / 12),
            *self._free_surface(q, z),
            devito.Eq(image, image + q * saved / courant + y * saved.laplace / 12),
            devito.Eq(y.backward, 2 * y - y.forward + courant * q.laplace),
            *stretched,
        ]
        for row, factor in self._injected:
            force = factor * self._wavelet * y.subs(z, row)
            equations.append(devito.Eq(at_source.subs(z, row), at_source.subs(z, row) + force))
        for (rows, _), back in zip(self._recorded, self._back_rows, strict=True):
            for row, weight in rows.items():
                arrives = weight * back * courant.subs(z, row)
                equations.append(devito.Eq(y.backward.subs(z, row), y.backward.subs(z, row) + arrives))
        equations += self._free_surface(y.backward, z)
        self._image, self._source_image = image, at_source
        self._adjoint_state = [np.asarray(f.data_with_halo) for f in (y, q, image, at_source, *memory)]
        self._adjoint, self._adjoint_arguments = self._compile("Adjoint", equations)


class ParallelGradient:
    """Gathers and gradients of an acquisition by several threads, each with the shots of its own.

    The compiled loops do without Python's lock. One thread for each core unless `threads` says otherwise; each has a
    `GradientSimulator`, and they are made one after the other.
    """

    def __init__(self, acquisition: Acquisition, threads: int | None = None) -> None:
        self.acquisition = acquisition
        threads = min(threads or available_cores(), acquisition.sources)
        self._simulators = [GradientSimulator(acquisition) for _ in range(threads)]
        self._shots = [range(first, acquisition.sources, threads) for first in range(threads)]
        self._pool = ThreadPoolExecutor(threads)

    def gradient(self, velocity: np.ndarray, residual: Residual) -> tuple[float, np.ndarray]:
        """As `GradientSimulator.gradient`; `residual` is called from several threads."""
        parts = list(
            self._pool.map(lambda simulator, shots: simulator.of_shots(shots, velocity, residual),
                           self._simulators, self._shots)
        )  # fmt: skip
        return sum(misfit for misfit, _ in parts), np.sum([gradient for _, gradient in parts], axis=0)

    def gather(self, velocity: np.ndarray) -> np.ndarray:
        """As `Simulator.gather`."""
        gathers = np.empty(self.acquisition.gather_shape, np.float32)

        def fire(simulator: GradientSimulator, shots: Iterable[int]) -> None:
            simulator.load(velocity)
            for shot in shots:
                simulator.fire(shot, gathers[shot])

        list(self._pool.map(fire, self._simulators, self._shots))
        return gathers
