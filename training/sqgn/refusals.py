"""What has no Gauss-Newton matrix, or would not be the same training in micro-batches, and is refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from .keras_private import layers_of


def refuse(who: str, found: Mapping[str, Any]) -> None:
    """Raise ValueError for the first of these that was found."""
    for what, is_there in found.items():
        if is_there:
            raise ValueError(f"{who} does not support {what}.")


def check_model(who: str, model: keras.Model) -> None:
    """Raise ValueError for a built model whose training step SQGN, or micro-batches, would not get right."""
    refuse(who, {"several outputs": len(getattr(model, "outputs", None) or [None]) != 1})
    for layer in layers_of(model):
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
            raise ValueError(
                f"The layer {layer.name!r} computes statistics of the mini-batch, which are not those of its parts "
                "and have no Gauss-Newton product: freeze it (layer.trainable = False) or use LayerNormalization."
            )
        if isinstance(layer, keras.layers.SpectralNormalization) and layer.trainable:
            raise ValueError(f"The layer {layer.name!r} (SpectralNormalization) assigns its own weights in call.")
    for variable in model.trainable_variables:
        square_penalty(variable.regularizer)
    if not model.trainable_variables:
        raise ValueError(f"The model has no trainable variables: {who} has nothing to train.")


def square_penalty(regularizer: Any) -> float:
    """The factor c of a penalty `c |w|^2`, 0 for None.

    Raises ValueError for a regularizer that is not such a square: its Hessian is not plain.
    """
    if regularizer is None:
        return 0.0
    is_square = isinstance(regularizer, keras.regularizers.L2) or (
        isinstance(regularizer, keras.regularizers.L1L2) and not float(regularizer.l1)
    )
    if not is_square:
        raise ValueError(f"Of the regularizers of weights only L2 is supported, not {type(regularizer).__name__}.")
    return float(regularizer.l2)
