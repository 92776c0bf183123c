"""The three presets: one code path, three sizes of survey and of the training that goes with it."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

from data_gen.acquisition import Acquisition
from data_gen.errors import SettingError
from data_gen.grid import Grid


@dataclass(frozen=True)
class Preset:
    """A survey's size and acquisition, and the training that goes with it.

    `models` velocity models are made; the first `train_models` are for training, the rest for testing.
    `micro_batch` models at a time pass through the network; None for the whole mini-batch. `cnn` names the paper's
    network in the size for these gathers.
    """

    acquisition: Acquisition
    models: int
    train_models: int
    batch_size: int
    epochs: int
    cnn: str
    micro_batch: int | None = None


_GRID = Grid(100, 100, 15.0)

PRESETS = {
    "demo": Preset(
        Acquisition(Grid(48, 48, 15.0), sources=5, receivers=48, samples=100, sample_interval=0.008),
        models=256, train_models=208, batch_size=26, epochs=16, cnn="cnn-demo",
    ),
    "laptop": Preset(
        Acquisition(_GRID, sources=8, receivers=64, samples=150, sample_interval=0.016),
        models=960, train_models=800, batch_size=50, epochs=60, cnn="cnn-laptop",
    ),
    "paper": Preset(
        Acquisition(_GRID, sources=31, receivers=256, samples=300, sample_interval=0.008),
        models=960, train_models=800, batch_size=100, epochs=200, cnn="cnn-paper", micro_batch=4,
    ),
}  # fmt: skip


def preset_named(name: str) -> Preset:
    """The preset of a name; raises SettingError where there is none."""
    if name not in PRESETS:
        raise SettingError(f"unknown preset {name!r}: choose from {', '.join(PRESETS)}")
    return PRESETS[name]


def preset_for(acquisition: Acquisition) -> Preset:
    """The preset whose gathers are nearest in size: the one with the same shape, if there is one."""

    def difference(preset: Preset) -> float:
        pairs = zip(acquisition.gather_shape, preset.acquisition.gather_shape, strict=True)
        return sum(abs(log(a / b)) for a, b in pairs)

    return min(PRESETS.values(), key=difference)
