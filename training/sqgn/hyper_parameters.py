"""The ranges of SQGN's hyper-parameters, and the options of Keras's optimizers that do not fit the method."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any

from .estimators import ESTIMATORS
from .scaling import SCALINGS

HISTORY_DTYPES = (None, "bfloat16")

_REFUSED = {
    "clipnorm": "max_step limits the step",
    "clipvalue": "max_step limits the step",
    "global_clipnorm": "max_step limits the step",
    "ema_overwrite_frequency": "weights that are exchanged in between leave the curvature pairs behind",
    "loss_scale_factor": "curvature is in single precision; scale the loss itself",
    "gradient_accumulation_steps": "SecondOrderModel(micro_batch=...) accumulates, curvature included",
}


def check(values: Mapping[str, Any]) -> None:
    """Raise ValueError, with its name, for the first hyper-parameter that is out of its range."""

    def count(name: str, least: int = 1) -> bool:
        return isinstance(values[name], Integral) and int(values[name]) >= least

    def positive(name: str) -> bool:
        return values[name] > 0.0

    rate, decay = values["learning_rate"], values["weight_decay"]
    ranges = {
        "history": count("history", least=0),
        "regularization": values["regularization"] >= 0.0,
        "curvature_interval": count("curvature_interval"),
        "curvature_fraction": 0.0 < values["curvature_fraction"] <= 1.0,
        "full_gradient_interval": values["full_gradient_interval"] is None or count("full_gradient_interval"),
        "first_step": positive("first_step"),
        "max_step": values["max_step"] is None or positive("max_step"),
        "scaling": values["scaling"] in SCALINGS,
        "variance_reduction": values["variance_reduction"] in ESTIMATORS,
        "learning_rate": not isinstance(rate, int | float) or rate > 0.0,
        "batches_per_epoch": values["batches_per_epoch"] is None or count("batches_per_epoch"),
        "scale": positive("scale"),
        "floor": positive("floor"),
        "window": count("window"),
        "explosion": values["explosion"] > 1.0,
        "growth": values["growth"] >= 1.0,
        "shrinkage": positive("shrinkage"),
        "weight_decay": decay is None or decay >= 0.0,
        "history_dtype": values["history_dtype"] in HISTORY_DTYPES,
    }
    for name, sound in ranges.items():
        if not sound:
            raise ValueError(f"SQGN: {name}={values[name]!r} is out of range.")


def refuse_options(options: Mapping[str, Any]) -> None:
    """Raise ValueError for an option of Keras's optimizers that SQGN does not take, TypeError for any other."""
    for name, value in options.items():
        if name not in _REFUSED:
            raise TypeError(f"SQGN has no argument {name!r}.")
        if value is not None:
            raise ValueError(f"SQGN does not support {name}: {_REFUSED[name]}.")
