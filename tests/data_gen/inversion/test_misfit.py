"""The data misfit and its derivative, for each kind of source."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError, SettingError
from data_gen.grid import Grid
from data_gen.inversion.misfit import SOURCES, DataMisfit

LINE = Acquisition(Grid(40, 60, 20.0), sources=3, receivers=12, samples=80, sample_interval=0.01)


def gathers(seed: int) -> np.ndarray:
    """Noise that begins when the direct wave may arrive."""
    offset = np.abs(LINE.source_x[:, None] - LINE.receiver_x)[..., None]
    arrived = LINE.time >= offset / LINE.velocity_limits[1]
    return np.random.default_rng(seed).normal(size=LINE.gather_shape) * arrived


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("cutoff", [None, 8.0])
def test_derivative_is_that_of_the_misfit(source: str, cutoff: float | None) -> None:
    data = DataMisfit(gathers(0), LINE, cutoff, source)
    data.learn_wavelet(gathers(0) + gathers(1))
    simulated, change = gathers(2)[1] + gathers(0)[1], gathers(3)[1]
    _, derivative = data.residual(1, simulated)
    step = 1e-5
    ahead, behind = (data.residual(1, simulated + sign * step * change)[0] for sign in (1, -1))
    assert np.sum(derivative * change) == pytest.approx((ahead - behind) / (2 * step), rel=1e-7)


def test_misfit_is_the_part_of_the_energy_that_is_not_explained() -> None:
    known = DataMisfit(gathers(0), LINE, source="known")
    assert known.misfit(np.zeros(LINE.gather_shape)) == pytest.approx(1.0)
    assert known.misfit(gathers(0)) == 0.0
    assert known.misfit(1.1 * gathers(0)) == pytest.approx(0.01)


@pytest.mark.parametrize("cutoff", [None, 8.0])
def test_strength_of_the_sources_does_not_matter(cutoff: float | None) -> None:
    data = DataMisfit(1000.0 * gathers(0), LINE, cutoff)
    weaker = gathers(0) * np.array([1.0, 0.3, -2.0])[:, None, None]
    assert data.misfit(weaker) == pytest.approx(0.0, abs=1e-12)
    _, derivative = data.residual(0, gathers(1)[0])
    assert np.sum(derivative * gathers(1)[0]) == pytest.approx(0.0, abs=1e-12)


def test_wavelet_of_another_phase_is_learned() -> None:
    """The Hilbert transform of a signal whose spectrum is smooth: a shift of the phase by a right angle."""
    time = LINE.time - 0.4
    pulse = (1 - 2 * (np.pi * 10 * time) ** 2) * np.exp(-((np.pi * 10 * time) ** 2))
    spectrum = np.fft.fft(pulse, 160)
    turned = np.fft.ifft(np.where(np.arange(160) < 80, -1j, 1j) * spectrum).real[:80]
    shape = np.random.default_rng(0).normal(size=LINE.gather_shape[:2])[..., None]
    data = DataMisfit(turned * shape, LINE, source="wavelet")
    assert data.misfit(pulse * shape) > 0.9
    data.learn_wavelet(pulse * shape)
    assert data.misfit(pulse * shape) < 0.01


@pytest.mark.parametrize("cutoff", [None, 8.0])
def test_noise_before_the_first_arrivals_tells_the_misfit_of_the_true_model(cutoff: float | None) -> None:
    """Of 2,880 samples some 200 come before, so that their mean square is known within some 10 %."""
    rng = np.random.default_rng(5)
    signal = gathers(0)
    noisy = signal + 0.1 * rng.normal(size=signal.shape)
    data = DataMisfit(noisy, LINE, cutoff, "known")
    assert data.noise == pytest.approx(data.misfit(signal), rel=0.25)
    assert DataMisfit(signal, LINE).noise == 0.0


@pytest.mark.parametrize(
    ("recorded", "source", "error", "said"),
    [
        (np.zeros(LINE.gather_shape), "known", DataError, "silent"),
        (np.full(LINE.gather_shape, np.nan), "known", DataError, "not finite"),
        (np.ones((3, 12, 79)), "known", DataError, "shape"),
        (np.ones(LINE.gather_shape), "guessed", SettingError, "amplitude"),
    ],
)
def test_what_cannot_be_is_refused(recorded: np.ndarray, source: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        DataMisfit(recorded, LINE, source=source)


def test_traces_next_to_their_source_and_dead_ones_count_for_nothing() -> None:
    line = replace(LINE, live_receivers=((0, 1, 2, 3, 4, 5),) * 3)
    recorded = gathers(0)
    recorded[:, 5] = 0.0
    data = DataMisfit(recorded, line, source="known")
    near = np.abs(line.source_x[:, None] - line.receiver_x) < 40.0
    other = gathers(0)
    other[near] += 100.0
    other[:, 5:] += 100.0
    assert near.any()
    assert data.misfit(other) == 0.0
    assert not data.residual(0, 2 * other[0])[1][near[0] | (np.arange(12) >= 5)].any()
