"""Gathers of another line brought to what a network's panels are made of: its grid, its interval of samples.

Stations beyond the grid are left out, and so are traces that are silent or lack samples. Records are resampled along a
Fourier series, without what the new samples could not hold, and end where either of the two ends.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import CubicSpline

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError
from data_gen.formats.shots import Geometry

FINER = 8
"""Records are made so many times finer before cubics go through them."""

SAME_INTERVAL = 1e-4
"""Intervals that differ by less than this part are the same: 0.1 ms over a second."""

EDGE = 0.05
"""Stations so much beyond the grid [m] are on its edge."""


@dataclass(frozen=True)
class Adapted:
    """How gathers of a file become those of an `acquisition` over the network's grid.

    `sources` and `receivers` are those of the file's that are used, `time` the file's own [s]; `remarks` say, a line
    each, what is done.
    """

    acquisition: Acquisition
    sources: np.ndarray
    receivers: np.ndarray
    time: np.ndarray
    remarks: tuple[str, ...]

    def gathers(self, stored: np.ndarray) -> np.ndarray:
        """Gathers (model, source, receiver, time) of the file as the acquisition's, float32; traces that lack samples
        are silent."""
        chosen = stored[:, self.sources][:, :, self.receivers].astype(np.float32)
        whole = np.isfinite(chosen).all(axis=-1, keepdims=True)
        chosen = np.where(whole, chosen, np.float32(0)) * self.acquisition.live[..., None]
        return resample(chosen, self.time, self.acquisition.time)


def adapt(shape: tuple[int, ...], geometry: Geometry, ours: Acquisition, origin: float = 0.0) -> Adapted:
    """See how gathers (..., source, receiver, time) of a shape and geometry are to be migrated over a network's grid.

    What the file does not say is as in `ours`, the acquisition that the network was trained with. `origin` [m] is where
    the grid begins in the file's coordinates. Raises DataError where the line, or its records, cannot be used.
    """
    shape = shape[-3:]
    remarks = list(geometry.remarks)
    assumed = []
    places = {}
    for kind, given, count, own in (
        ("source", geometry.source_x, shape[0], ours.source_x),
        ("receiver", geometry.receiver_x, shape[1], ours.receiver_x),
    ):
        if given is None:
            if count != len(own):
                raise DataError(
                    f"there are {count} {kind}s, and nothing says where they stand; the network was trained on {ours}"
                )
            assumed.append(f"{kind}s")
        places[kind] = own if given is None else given - origin
    if assumed:
        remarks.append(f"the file does not say where its {' and '.join(assumed)} stand: taken for those of training")
    if geometry.source_x is not None and (geometry.source_z is None or geometry.receiver_z is None):
        remarks.append("the file does not say all depths: those of training are assumed")
    depths = {}
    for kind, given, count, own in (
        ("source", geometry.source_z, shape[0], ours.source_z),
        ("receiver", geometry.receiver_z, shape[1], ours.receiver_z),
    ):
        depths[kind] = given if given is not None else own if len(own) == count else np.full(count, own[0])
    width, bottom = ours.grid.x[-1], ours.grid.depth[-1]
    used = {}
    for kind, x in places.items():
        inside = (x >= -EDGE) & (x <= width + EDGE) & (depths[kind] >= 0) & (depths[kind] <= bottom)
        if not inside.any():
            raise DataError(
                f"the {kind}s stand between {x.min() + origin:g} and {x.max() + origin:g} m, and the network's grid "
                f"reaches from {origin:g} to {origin + width:g} m: --origin METRES says where it begins"
            )
        used[kind] = np.flatnonzero(inside)
        if not inside.all():
            remarks.append(f"{np.count_nonzero(~inside)} of {len(x)} {kind}s are beyond the network's grid: left out")
    live = np.ones(shape[:2], bool) if geometry.live is None else geometry.live
    live = live[np.ix_(used["source"], used["receiver"])]
    sources = used["source"][live.any(axis=1)]
    live = live[live.any(axis=1)]
    receivers = used["receiver"][live.any(axis=0)]
    live = live[:, live.any(axis=0)]
    if not live.size:
        raise DataError("no trace has both its source and its receiver on the network's grid")
    time, samples = _time(shape[2], geometry, ours, remarks)
    line = replace(
        ours,
        sources=len(sources),
        receivers=len(receivers),
        samples=samples,
        source_depth=tuple(depths["source"][sources].tolist()),
        receiver_depth=tuple(depths["receiver"][receivers].tolist()),
        source_positions=tuple(np.clip(places["source"][sources], 0, width).tolist()),
        receiver_positions=tuple(np.clip(places["receiver"][receivers], 0, width).tolist()),
        live_receivers=tuple(tuple(np.flatnonzero(row).tolist()) for row in live),
        free_surface=ours.free_surface if geometry.free_surface is None else geometry.free_surface,
    )
    if line.free_surface != ours.free_surface:
        top = ("an absorbing top", "a free surface")
        remarks.append(
            f"warning: recorded under {top[line.free_surface]}, and the network was trained under "
            f"{top[ours.free_surface]}: it does not know such gathers"
        )
    line = _even(line, ours)
    return Adapted(line, sources, receivers, time, tuple(remarks))


def _even(line: Acquisition, ours: Acquisition) -> Acquisition:
    """The line without a list of places, if these are those of training: its references are then known already."""
    for kind in ("source", "receiver"):
        mine, theirs = getattr(ours, f"{kind}_x"), getattr(line, f"{kind}_x")
        if mine.shape == theirs.shape and np.allclose(mine, theirs, atol=0.05):
            line = replace(line, **{f"{kind}_positions": getattr(ours, f"{kind}_positions")})
    return line


def _time(count: int, geometry: Geometry, ours: Acquisition, remarks: list[str]) -> tuple[np.ndarray, int]:
    """The file's times [s], and how many of our samples its records cover."""
    time = geometry.time
    if time is None:
        if count != ours.samples:
            raise DataError(
                f"there are {count} samples, and nothing says when they were taken; the network was trained on {ours}"
            )
        remarks.append(f"the file does not say when its samples were taken: every {1e3 * ours.sample_interval:g} ms")
        return ours.time, ours.samples
    steps = np.diff(time)
    if len(time) < 2 or steps.min() <= 0 or np.ptp(steps) > 1e-2 * steps.mean():
        raise DataError("the samples were not taken at even intervals")
    interval, needed = float(steps.mean()), 1 / (2 * ours.peak_frequency)
    if interval > needed / 2 * (1 + SAME_INTERVAL):
        raise DataError(
            f"samples every {1e3 * interval:g} ms cannot hold waves of {ours.peak_frequency:g} Hz, which the network "
            f"reads: every {1e3 * needed / 2:g} ms at least"
        )
    samples = int(np.count_nonzero(ours.time <= time[-1] + SAME_INTERVAL * interval))
    if samples < 2 or time[0] > ours.time[-1] / 2:
        raise DataError(f"the record from {time[0]:g} to {time[-1]:g} s is not that of {ours}")
    if abs(interval / ours.sample_interval - 1) > SAME_INTERVAL or abs(time[0]) > SAME_INTERVAL * interval:
        remarks.append(
            f"resampled from {len(time)} samples of {1e3 * interval:g} ms from {time[0]:g} s on to {samples} of "
            f"{1e3 * ours.sample_interval:g} ms"
        )
    elif samples < count:
        remarks.append(f"records are cut after {samples} of {count} samples, as in training")
    if samples < ours.samples:
        remarks.append(f"records end at {time[-1]:.3g} s, those of training at {ours.time[-1]:.3g} s")
    return time, samples


def resample(traces: np.ndarray, time: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Traces (..., time) at the `wanted` times [s], of the same type; before they begin they are zero.

    Frequencies that the wanted samples cannot hold are taken away.
    """
    interval = float(time[-1] - time[0]) / (len(time) - 1)
    step = float(wanted[1] - wanted[0])
    if abs(interval / step - 1) <= SAME_INTERVAL and abs(time[0]) <= SAME_INTERVAL * interval:
        return traces[..., : len(wanted)]
    padded = 2 * len(time)
    spectrum = np.fft.rfft(traces, padded, axis=-1)
    spectrum[..., np.fft.rfftfreq(padded, interval) > 0.5 / step] = 0
    finer = FINER if interval > step / FINER else 1
    fine = np.fft.irfft(spectrum, padded * finer, axis=-1)[..., : len(time) * finer] * finer
    times = time[0] + np.arange(len(time) * finer) * (interval / finer)
    values = CubicSpline(times, fine, axis=-1)(wanted)
    return np.where(wanted < time[0] - SAME_INTERVAL * interval, 0.0, values).astype(traces.dtype)
