"""The phase of gathers: every frequency turned by the same angle, as a wavelet of another phase would."""

from __future__ import annotations

import numpy as np
from scipy.signal import hilbert


def turn(gathers: np.ndarray, degrees: float) -> np.ndarray:
    """Gathers (..., time) whose phase is turned by an angle, float64; by 180 degrees the polarity is reversed.

    The cosine of a positive angle's wavelet comes earlier. Beyond the record they are taken for silent.
    """
    spectrum = np.fft.rfft(gathers, 2 * gathers.shape[-1])
    turned: np.ndarray = np.fft.irfft(spectrum * np.exp(1j * np.deg2rad(degrees)), 2 * gathers.shape[-1])
    return turned[..., : gathers.shape[-1]]


def analytic(gathers: np.ndarray) -> np.ndarray:
    """The analytic signal of gathers (..., time), complex: turned by an angle p it is multiplied by exp(ip)."""
    signal: np.ndarray = hilbert(gathers, 2 * gathers.shape[-1])
    return signal[..., : gathers.shape[-1]]
