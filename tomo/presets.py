"""The three presets: one code path, three sizes of survey and of the training that goes with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log

from data_gen.acquisition import Acquisition
from data_gen.errors import SettingError
from data_gen.grid import Grid
from training.recipes import IMAGING, Recipe


@dataclass(frozen=True)
class Preset:
    """A survey's size and acquisition, and the trainings that go with it.

    `models` velocity models are made; the first `train_models` are for training, the rest for testing. `imaging` is the
    recipe of networks that read panels; `cnn` names the paper's network in the size for these gathers, whose recipe is
    `cnn_recipe`.
    """

    acquisition: Acquisition
    models: int
    train_models: int
    imaging: Recipe
    cnn: str
    cnn_recipe: Recipe


_GRID = Grid(100, 100, 15.0)

PRESETS = {
    "demo": Preset(
        Acquisition(Grid(48, 48, 15.0), sources=5, receivers=48, samples=100, sample_interval=0.008),
        models=800, train_models=650,
        imaging=replace(IMAGING, epochs=56),
        cnn="cnn-demo", cnn_recipe=Recipe(epochs=16, batch_size=26),
    ),
    "laptop": Preset(
        Acquisition(_GRID, sources=8, receivers=64, samples=150, sample_interval=0.016),
        models=960, train_models=800,
        imaging=IMAGING,
        cnn="cnn-laptop", cnn_recipe=Recipe(epochs=60, batch_size=50),
    ),
    "paper": Preset(
        Acquisition(_GRID, sources=31, receivers=256, samples=300, sample_interval=0.008),
        models=960, train_models=800,
        imaging=IMAGING,
        cnn="cnn-paper", cnn_recipe=Recipe(epochs=200, batch_size=100, micro_batch=4),
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
