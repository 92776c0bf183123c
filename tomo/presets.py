"""The three presets: one code path, three sizes of survey and of the network that reads it."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

from data_gen.acquisition import Acquisition


@dataclass(frozen=True)
class Preset:
    """A survey's size and acquisition, and the size of the training that goes with it.

    `models` velocity models are made; the first `train_models` are for training, the rest for testing.
    `micro_batch` models at a time pass through the network; None for the whole mini-batch.
    """

    acquisition: Acquisition
    models: int
    train_models: int
    batch_size: int
    epochs: int
    micro_batch: int | None = None


PRESETS = {
    "demo": Preset(
        Acquisition(48, 48, 15.0, sources=5, receivers=48, samples=100, sample_interval=0.008),
        models=256, train_models=208, batch_size=26, epochs=16,
    ),
    "laptop": Preset(
        Acquisition(100, 100, 15.0, sources=8, receivers=64, samples=150, sample_interval=0.016),
        models=960, train_models=800, batch_size=50, epochs=60,
    ),
    "paper": Preset(
        Acquisition(100, 100, 15.0, sources=31, receivers=256, samples=300, sample_interval=0.008),
        models=960, train_models=800, batch_size=100, epochs=200, micro_batch=4,
    ),
}  # fmt: skip


def preset_for(acquisition: Acquisition) -> str:
    """The preset whose gathers are nearest in size: the one with the same shape, if there is one."""

    def difference(name: str) -> float:
        pairs = zip(acquisition.gather_shape, PRESETS[name].acquisition.gather_shape, strict=True)
        return sum(abs(log(a / b)) for a, b in pairs)

    return min(PRESETS, key=difference)
