"""Views of a survey's models, for training: panels of random parts of the line, in several references, with noise.

A network that has seen them relies on no one line. Views follow from their number and the model's.
"""

from __future__ import annotations

import numpy as np

from data_gen.acquisition import Acquisition
from data_gen.migration.panels import PanelMaker

RECEIVERS, SOURCES = (0.45, 1.0), (0.6, 1.0)
"""The parts of receivers and sources that a view keeps are drawn between these."""

FEWEST_SOURCES = 4

NOISE = (10.0, 40.0)
"""The signal-to-noise ratio of views with noise is drawn between these [dB]."""

BAND = (0.2, 3.0)
"""The noise's frequencies, in peak frequencies of the wavelet."""


def in_view(
    maker: PanelMaker, gathers: np.ndarray, index: int, view: int, rank: int = 0, noise: bool = False
) -> np.ndarray:
    """Panels (depth, x, channel) of the gathers (source, receiver, time) of model `index` in a view.

    The reference of a `rank` is for panels of all traces; other views come with their own, and may have `noise`.
    """
    if view == 0:
        return maker.panels(gathers, rank=rank)
    rng = np.random.default_rng([view, index])
    live = _part_of_line(rng, maker.acquisition.live)
    if noise:
        gathers = with_noise(gathers, maker.acquisition, rng.uniform(*NOISE), rng)
    return maker.panels(gathers, live, rank=view - 1)


def with_noise(gathers: np.ndarray, acquisition: Acquisition, decibels: float, rng: np.random.Generator) -> np.ndarray:
    """Gathers (source, receiver, time) with noise in the signal's band, at a ratio of RMS signal to RMS noise [dB].

    A filter could take away what lies elsewhere. Traces that are silent stay so.
    """
    frequency = np.fft.rfftfreq(gathers.shape[-1], acquisition.sample_interval) / acquisition.peak_frequency
    spectrum = np.fft.rfft(rng.normal(size=gathers.shape)) * ((frequency >= BAND[0]) & (frequency <= BAND[1]))
    noise = np.fft.irfft(spectrum, gathers.shape[-1])
    heard = gathers.any(axis=-1, keepdims=True)
    scale = np.sqrt(np.mean(np.square(gathers, dtype=np.float64)) / np.mean(np.square(noise * heard)))
    noisy: np.ndarray = gathers + (10 ** (-decibels / 20) * scale * heard * noise).astype(np.float32)
    return noisy


def _part_of_line(rng: np.random.Generator, live: np.ndarray) -> np.ndarray:
    """Which of the live traces (source, receiver) a view is made of."""
    sources, receivers = live.shape
    receiver_lives: np.ndarray = np.asarray(rng.random(receivers) < rng.uniform(*RECEIVERS))
    source_lives: np.ndarray = np.asarray(rng.random(sources) < rng.uniform(*SOURCES))
    if np.count_nonzero(source_lives) < min(FEWEST_SOURCES, sources):
        source_lives[:] = True
    receiver_lives[rng.integers(receivers)] = True
    part: np.ndarray = live & source_lives[:, None] & receiver_lives[None]
    # Of a spread that moves, the receivers drawn may have recorded none of the sources drawn.
    return part if np.any(part) else live
