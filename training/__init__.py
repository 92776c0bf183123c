"""Training of imaging networks, and their use.

    train(gathers, velocity, acquisition, folder)   a run on one's own arrays
    load(run).predict(gathers)                      velocity models of gathers
    Settings                                        all that decides the weights, given the survey

The optimizer is a library of its own, `training.sqgn`. Nothing is imported before it is used: TensorFlow takes seconds.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.arrays import train
    from training.ensemble import Ensemble
    from training.loading import load
    from training.predictor import Predictor
    from training.settings import Settings

__all__ = ["Ensemble", "Predictor", "Settings", "load", "train"]

_HOMES = {
    "Ensemble": "ensemble",
    "Predictor": "predictor",
    "Settings": "settings",
    "load": "loading",
    "train": "arrays",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
