"""How far simulated gathers are from recorded ones: least squares in a band of frequencies.

The source of recorded gathers is hardly ever known. Its strength is found shot by shot: the simulated gather enters
times the factor that brings it nearest to the recorded one (variable projection, Golub and Pereyra 1973; the factor
being the best one, the misfit has no derivative by it). Its wavelet is found for all shots at once, as the filter from
simulated to recorded gathers of a model that is nearly right, and then kept.
"""

from __future__ import annotations

import numpy as np

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError, SettingError

SOURCES = ("known", "amplitude", "wavelet")
"""What of the source is to be estimated: nothing, it is known; its strength in each shot; its wavelet too."""

ORDER = 4
"""Of the low-pass filter, a Butterworth's, forwards and backwards: its phase is zero."""

NEAR = 2.0
"""Traces nearer to their source than so many grid points count for nothing: the field there is that of the grid more
than that of the earth, and of all the energy that is recorded it is a third (`laptop`)."""

WATER_LEVEL = 1e-3
"""Where the simulated gathers have less than this part of their greatest power, no wavelet is estimated."""


class DataMisfit:
    """Misfits of simulated gathers to some that were recorded, below a frequency, relative to what was recorded.

    Args:
        recorded: gathers (source, receiver, time).
        acquisition: of both.
        cutoff: frequency [Hz] at which half the amplitude passes; None for all of them.
        source: one of `SOURCES`.

    The misfit is 1 when nothing is simulated. Traces that are dead, silent or next to their source do not count. Raises
    DataError for gathers of another shape, with
    samples that are not finite, or silent ones.
    """

    def __init__(
        self, recorded: np.ndarray, acquisition: Acquisition, cutoff: float | None = None, source: str = "amplitude"
    ) -> None:
        recorded = np.asarray(recorded, np.float64)
        if recorded.shape != acquisition.gather_shape:
            raise DataError(f"gathers of shape {recorded.shape} are not those of {acquisition}")
        if not np.isfinite(recorded).all():
            raise DataError("gathers hold samples that are not finite")
        if source not in SOURCES:
            raise SettingError(f"unknown kind of source {source!r}: choose from {', '.join(SOURCES)}")
        self.source = source
        self._padded = 2 * acquisition.samples
        frequency = np.fft.rfftfreq(self._padded, acquisition.sample_interval)
        self._pass = np.ones_like(frequency) if cutoff is None else 1.0 / (1.0 + (frequency / cutoff) ** (2 * ORDER))
        self._all_pass = cutoff is None
        self._wavelet = np.ones_like(frequency)
        distance = np.hypot(
            acquisition.source_x[:, None] - acquisition.receiver_x,
            acquisition.source_z[:, None] - acquisition.receiver_z,
        )
        counts = acquisition.live & recorded.any(axis=-1) & (distance >= NEAR * acquisition.grid.spacing)
        self._counts = counts[..., None]
        self.recorded = self._filtered(recorded, self._pass) * self._counts
        self._energy = float(np.sum(self.recorded**2))
        if self._energy == 0:
            raise DataError("the gathers are silent, or all traces are next to their sources")
        samples = int(self._counts.sum()) * acquisition.samples
        self.noise = (
            _noise_power(recorded, acquisition, counts) * samples * float(np.mean(self._pass**2)) / self._energy
        )
        """What the misfit of the true model would be, by the noise that is recorded before the first arrivals."""

    def residual(self, shot: int, gather: np.ndarray) -> tuple[float, np.ndarray]:
        """The part of a shot's simulated gather (receiver, time) in the misfit, and its derivative by the gather."""
        simulated = self._filtered(gather, self._pass * self._wavelet) * self._counts[shot]
        factor = self._factor(simulated, self.recorded[shot])
        difference = factor * simulated - self.recorded[shot]
        back = self._filtered(difference, self._pass * np.conj(self._wavelet))
        return float(np.sum(difference**2)) / self._energy, 2.0 * factor * back / self._energy

    def misfit(self, gathers: np.ndarray) -> float:
        """The misfit of simulated gathers (source, receiver, time)."""
        return sum(self.residual(shot, gather)[0] for shot, gather in enumerate(gathers))

    def learn_wavelet(self, gathers: np.ndarray) -> None:
        """Use, from now on, the filter that brings simulated gathers (source, receiver, time) to the recorded ones.

        Least squares at each frequency over all traces. Only for a source of the kind "wavelet".
        """
        if self.source != "wavelet":
            return
        simulated = np.fft.rfft(self._filtered(gathers, self._pass) * self._counts, self._padded)
        recorded = np.fft.rfft(self.recorded, self._padded)
        power = np.sum(np.abs(simulated) ** 2, axis=(0, 1))
        product = np.sum(np.conj(simulated) * recorded, axis=(0, 1))
        self._wavelet = product / (power + WATER_LEVEL * power.max())

    def _factor(self, simulated: np.ndarray, recorded: np.ndarray) -> float:
        if self.source == "known":
            return 1.0
        power = float(np.sum(simulated**2))
        return float(np.sum(simulated * recorded)) / power if power else 0.0

    def _filtered(self, gathers: np.ndarray, response: np.ndarray) -> np.ndarray:
        """Gathers (..., time) through a filter; its transpose is the one with the conjugate response."""
        if self._all_pass and self.source != "wavelet":
            return np.asarray(gathers, np.float64)
        spectrum = np.fft.rfft(gathers, self._padded) * response
        return np.fft.irfft(spectrum, self._padded)[..., : gathers.shape[-1]]


def _noise_power(recorded: np.ndarray, acquisition: Acquisition, counts: np.ndarray) -> float:
    """Mean square of the samples before any wave can have arrived, at the highest velocity; 0 where there is none."""
    offset = np.abs(acquisition.source_x[:, None] - acquisition.receiver_x)
    early = (acquisition.time < (offset / acquisition.velocity_limits[1])[..., None]) & counts[..., None]
    return float(np.mean(recorded[early] ** 2)) if early.any() else 0.0
