"""Kirchhoff migration of traces, and the modelling operator that it is the transpose of.

    image(p) = sum over traces of  w_s(p) w_r(p) trace(t_s(p) + t_r(p))

with the one-way times t and obliquity weights w from source and receiver of the trace to the point p. The sample
between two is interpolated linearly, on traces that were made finer first; times beyond the record count nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from data_gen.acquisition import Acquisition
from data_gen.migration.travel_time import Profile

NEAR = 10.0
"""Added to depths [m] in the obliquity's cosine, which would be zero at the receivers' own depth."""

FINER_THAN = 0.0045
"""Traces are made finer until their interval is below this [s]: linear interpolation then errs by 2 % at 20 Hz."""


@dataclass(frozen=True)
class Traces:
    """Where the source and the receiver of each trace stand [m]; four arrays (trace,)."""

    source_x: np.ndarray
    source_depth: np.ndarray
    receiver_x: np.ndarray
    receiver_depth: np.ndarray

    @classmethod
    def of(cls, acquisition: Acquisition) -> Traces:
        """The traces of an acquisition's gathers, source by source."""
        return cls(
            np.repeat(acquisition.source_x, acquisition.receivers),
            np.repeat(acquisition.source_z, acquisition.receivers),
            np.tile(acquisition.receiver_x, acquisition.sources),
            np.tile(acquisition.receiver_z, acquisition.sources),
        )

    @property
    def offset(self) -> np.ndarray:
        """Distance between source and receiver [m], (trace,)."""
        return np.abs(self.receiver_x - self.source_x)


class Rays:
    """The two ends of the rays from traces to the points of an image, apart by classes of offset.

    Args:
        traces: where sources and receivers stand.
        depth, x: of the image's rows and columns [m].
        classes: number (trace,) of the image that a trace belongs to, from 0 to `count` - 1.
    """

    def __init__(self, traces: Traces, depth: np.ndarray, x: np.ndarray, classes: np.ndarray, count: int) -> None:
        self.depth = depth
        self.shape = (count, len(depth), len(x))
        self.classes = classes.astype(np.int32)
        self.sources = _End(traces.source_x, traces.source_depth, depth, x)
        self.receivers = _End(traces.receiver_x, traces.receiver_depth, depth, x)

    def fold(self, live: np.ndarray) -> np.ndarray:
        """Sum of the weights of the live traces (trace,), (class, depth, x)."""
        weights = np.zeros((self.shape[0], self.shape[1] * self.shape[2]), np.float32)
        sources, receivers = self.sources, self.receivers
        _add_weights(live, self.classes, sources.number, receivers.number, sources.weights, receivers.weights, weights)
        return weights.reshape(self.shape)


class _End:
    """One end of the rays, at the places where sources, or receivers, stand.

    `number` (trace,) of the place; to every point `weights` float32 (place, point), cosines of the ray's angle with the
    vertical.
    """

    def __init__(self, x0: np.ndarray, depth0: np.ndarray, depth: np.ndarray, x: np.ndarray) -> None:
        self.places, number = np.unique(np.stack([x0, depth0], axis=1), axis=0, return_inverse=True)
        self.number = number.ravel().astype(np.int32)
        self._across = np.square(x - self.places[:, :1]).astype(np.float32)[:, None]
        down = (np.abs(depth - self.places[:, 1:]) + NEAR).astype(np.float32)[:, :, None]
        self.weights = (down / np.sqrt(down**2 + self._across)).reshape(len(self.places), -1)

    def times(self, profile: Profile, depth: np.ndarray, rate: float) -> np.ndarray:
        """One-way times to the points in units of 1 / rate [s], float32 (place, point)."""
        times = np.empty((len(self.places), len(depth), self._across.shape[2]), np.float32)
        for depth0 in np.unique(self.places[:, 1]):
            vertical, squared = (values.astype(np.float32)[:, None] for values in profile.layers_between(depth0, depth))
            here = self.places[:, 1] == depth0
            times[here] = np.sqrt((rate * vertical) ** 2 + self._across[here] * (np.float32(rate) ** 2 / squared))
        return times.reshape(len(self.places), -1)


class Kirchhoff:
    """Migration along rays in multiples of one velocity profile.

    `samples` and `interval` [s] are of the traces, `delay` [s] is the time of the wavelet's peak.
    """

    def __init__(self, rays: Rays, samples: int, interval: float, delay: float, profile: Profile) -> None:
        self.samples, self.interval, self.shape = samples, interval, rays.shape
        self.finer = int(np.ceil(interval / FINER_THAN))
        rate = self.finer / interval
        self._delay = np.float32(delay * rate)
        ends = rays.sources, rays.receivers
        self._geometry = (
            rays.classes,
            *(end.number for end in ends),
            *(end.times(profile, rays.depth, rate) for end in ends),
            *(end.weights for end in ends),
        )

    def prepare(self, traces: np.ndarray) -> np.ndarray:
        """Traces (trace, sample) times t, finer by a Fourier series, float32, with two zeros at their ends.

        The factor t makes up for the spreading of reflections in depth.
        """
        weighted = traces * (np.arange(self.samples) * self.interval)
        padded = 2 * self.samples
        spectrum = np.fft.rfft(weighted, padded, axis=1)
        fine = np.fft.irfft(spectrum, padded * self.finer, axis=1) * self.finer
        prepared = np.zeros((len(traces), self.samples * self.finer + 2), np.float32)
        prepared[:, :-2] = fine[:, : self.samples * self.finer]
        return prepared

    def migrate(self, prepared: np.ndarray, live: np.ndarray, factor: float = 1.0) -> np.ndarray:
        """Images (class, depth, x) at `factor` times the profile, sums over the live traces (trace,) of prepared ones.

        `prepared` is (trace, fine sample).
        """
        image = np.zeros((self.shape[0], self.shape[1] * self.shape[2]), np.float32)
        _migrate(prepared, live, self._geometry, np.float32(1 / factor), self._delay, image)
        return image.reshape(self.shape)

    def demigrate(self, image: np.ndarray, live: np.ndarray, factor: float = 1.0) -> np.ndarray:
        """The transpose of `migrate`: traces (trace, fine sample) that scatterers of these strengths give."""
        traces = np.zeros((len(self._geometry[0]), self.samples * self.finer + 2), np.float32)
        flat = np.ascontiguousarray(image, np.float32).reshape(self.shape[0], -1)
        _demigrate(flat, live, self._geometry, np.float32(1 / factor), self._delay, traces)
        return traces


# `geometry` is: classes (trace,), numbers of the place of source and receiver (trace,), times of source
# and receiver, weights of source and receiver (place, point). The other arrays: live (trace,), traces (trace, fine
# sample), image (class, point).


@numba.njit(fastmath=True, cache=True, nogil=True)
def _migrate(traces, live, geometry, stretch, delay, image):
    classes, sources, receivers, source_t, receiver_t, source_w, receiver_w = geometry
    last = np.float32(traces.shape[1] - 2)
    for k in range(len(traces)):
        if live[k]:
            trace, out = traces[k], image[classes[k]]
            t_s, t_r = source_t[sources[k]], receiver_t[receivers[k]]
            w_s, w_r = source_w[sources[k]], receiver_w[receivers[k]]
            for p in range(len(out)):
                t = min((t_s[p] + t_r[p]) * stretch + delay, last)
                i = np.int32(t)
                out[p] += w_s[p] * w_r[p] * (trace[i] + (t - np.float32(i)) * (trace[i + 1] - trace[i]))


@numba.njit(fastmath=True, cache=True, nogil=True)
def _demigrate(image, live, geometry, stretch, delay, traces):
    classes, sources, receivers, source_t, receiver_t, source_w, receiver_w = geometry
    last = np.float32(traces.shape[1] - 2)
    for k in range(len(traces)):
        if live[k]:
            trace, scatterers = traces[k], image[classes[k]]
            t_s, t_r = source_t[sources[k]], receiver_t[receivers[k]]
            w_s, w_r = source_w[sources[k]], receiver_w[receivers[k]]
            for p in range(len(scatterers)):
                t = min((t_s[p] + t_r[p]) * stretch + delay, last)
                i = np.int32(t)
                strength = w_s[p] * w_r[p] * scatterers[p]
                trace[i] += (np.float32(1) - (t - np.float32(i))) * strength
                trace[i + 1] += (t - np.float32(i)) * strength
            trace[-2:] = 0


@numba.njit(cache=True, nogil=True)
def _add_weights(live, classes, sources, receivers, source_w, receiver_w, weights):
    for k in range(len(classes)):
        if live[k]:
            out, w_s, w_r = weights[classes[k]], source_w[sources[k]], receiver_w[receivers[k]]
            for p in range(len(out)):
                out[p] += w_s[p] * w_r[p]
