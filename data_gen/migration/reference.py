"""The reference of a migration: the profile v(z), of a few, whose simulated gathers come nearest to the given ones.

Nothing is known of the medium but the gathers. The direct wave and the shallow refractions tell the uppermost hundreds
of metres: the nearest reference takes them away, where one mean model leaves most of them in, and migrates in a profile
that begins as the medium does. Only the shape of the gathers counts: their amplitude, in whatever unit, is divided out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.cluster.vq import kmeans2
from scipy.ndimage import gaussian_filter1d

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError
from data_gen.phase import analytic
from data_gen.salt import is_salt

COLUMNS = (0.1, 0.5, 0.9)
"""Where profiles are taken in a model, in parts of its width; each is a mean over a fifth of the width."""

SHALLOW = 375.0
"""Profiles are told apart by what lies above this depth [m], deeper layers count e times less with every such step:
that is as deep as direct and refracted waves see at these offsets."""


def draw_profiles(velocity: np.ndarray, spacing: float, count: int) -> np.ndarray:
    """Profiles (profile, depth) [m/s], at most `count`, that stand for the sediments of models (model, depth, x).

    They are the means of clusters (k-means) of the models' own; salt is left out, and bridged. Raises DataError for
    models without sediments.
    """
    depth = np.arange(velocity.shape[1])
    width = velocity.shape[2]
    own = []
    for model in velocity:
        for middle in COLUMNS:
            columns = model[:, max(0, int((middle - 0.1) * width)) : int((middle + 0.1) * width)].astype(np.float64)
            sediment = ~is_salt(columns)
            rows = sediment.any(axis=1)
            if rows.any():
                means = (columns * sediment).sum(axis=1)[rows] / sediment.sum(axis=1)[rows]
                own.append(np.interp(depth, depth[rows], means))
    if not own:
        raise DataError("the models hold nothing but salt: there are no sediments to draw reference profiles from")
    profiles = np.unique(np.array(own), axis=0)
    weights = np.exp(-depth * spacing / SHALLOW)
    count = min(count, len(profiles))
    _, cluster = kmeans2(profiles * weights, count, minit="++", seed=0)
    means = [profiles[cluster == number].mean(axis=0) for number in range(count) if np.any(cluster == number)]
    return gaussian_filter1d(np.array(means), 1.0, axis=1, mode="nearest")


def simulate_profiles(profiles: np.ndarray, acquisition: Acquisition) -> np.ndarray:
    """Gathers of layered models, float32 (profile, trace, sample); compiles the simulator."""
    from data_gen.simulator.acoustic import Simulator

    simulator = Simulator(acquisition)
    clipped = np.clip(profiles, *acquisition.velocity_limits).astype(np.float32)
    gathers = [simulator.gather(np.repeat(profile[:, None], acquisition.grid.x_cells, axis=1)) for profile in clipped]
    return np.stack(gathers).reshape(len(profiles), -1, acquisition.samples)


@dataclass(frozen=True)
class Fit:
    """The reference `number` that explains gathers best, and the `amplitude` that it is to be multiplied by."""

    number: int
    amplitude: float


class References:
    """The simulated `gathers` (profile, trace, sample) of profiles (profile, depth) [m/s]."""

    def __init__(self, profiles: np.ndarray, gathers: np.ndarray) -> None:
        self.profiles, self.gathers = profiles, gathers
        self._rows = np.asarray(gathers, np.float32).reshape(len(gathers), -1)
        self._power = np.sum(np.square(gathers, dtype=np.float64), axis=2)

    def fit(self, traces: np.ndarray, live: np.ndarray, rank: int = 0) -> Fit:
        """The best reference of traces (trace, sample), of which `live` (trace,) count; with a `rank`, the next best.

        Raises DataError for traces that no reference explains at any positive amplitude.
        """
        product = self._rows @ (traces * live[:, None]).ravel()
        power = self._power[:, live].sum(axis=1)
        explained = np.where(product > 0, product.astype(np.float64) ** 2 / power, 0.0)
        order = np.argsort(-explained, kind="stable")
        number = int(order[min(rank, int(np.count_nonzero(explained)) - 1)])
        if explained[number] == 0:
            raise DataError(
                "no reference model explains these gathers: is their polarity reversed, or their time another?"
            )
        return Fit(number, float(product[number] / power[number]))

    def phase(self, traces: np.ndarray, live: np.ndarray) -> tuple[float, float]:
        """By how many degrees the phase of traces (trace, sample) is turned against the reference that suits them best.

        `live` (trace,) count. Second comes the share of their energy that this reference explains at its best amplitude
        and phase: it is mostly the direct wave that tells.
        """
        signal = analytic(traces * live[:, None]).reshape(-1)
        parts = self._rows @ np.stack([signal.real, signal.imag], axis=1).astype(np.float32)
        product = parts[:, 0].astype(np.float64) + 1j * parts[:, 1]
        explained = np.abs(product) ** 2 / self._power[:, live].sum(axis=1)
        best = int(np.argmax(explained))
        energy = np.sum(np.square(traces[live], dtype=np.float64))
        return float(np.rad2deg(np.angle(product[best]))), float(explained[best] / energy)

    def residual(self, traces: np.ndarray, live: np.ndarray, fit: Fit) -> np.ndarray:
        """What the reference does not explain of traces (trace, sample), per unit of its amplitude; zero where dead."""
        return (traces / fit.amplitude - self.gathers[fit.number]) * live[:, None]
