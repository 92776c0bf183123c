"""Losses and their Hessians with respect to the network's output: the second of Algorithm 2's three maps.

For a loss that is a mean over the samples, a product `Hz` is known in closed form. Where the network must end in a
softmax or sigmoid (`from_logits=False`), the Hessian is the one that gives the same `J'HJ` as taking `h` before that
activation: the exact one where labels are probabilities, and free of the labels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from .keras_private import loss_options

HessianProduct = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


@keras.saving.register_keras_serializable(package="sqgn")
class PseudoHuber(keras.losses.Loss):
    """The smooth robust loss `delta^2 (sqrt(1 + (r / delta)^2) - 1)` of `r = h - y`, a mean over the last axis.

    It is `r^2 / 2` for small residuals and `delta |r|` for large ones. `keras.losses.Huber` joins the two by a jump of
    its second derivative, which is zero outside: there a Gauss-Newton matrix would know nothing. Here it is
    `(1 + (r / delta)^2)^(-3/2)`, positive everywhere (Charbonnier et al. 1997; Hartley and Zisserman 2004, A6.8).

    Args:
        delta: the residual at which the loss turns from square to absolute value, in the units of y.

    Raises ValueError for a delta that is not positive.
    """

    def __init__(
        self, delta: float = 1.0, reduction: str = "sum_over_batch_size", name: str = "pseudo_huber", dtype: Any = None
    ) -> None:
        if not delta > 0.0:
            raise ValueError(f"PseudoHuber: delta={delta!r} must be positive.")
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.delta = delta

    def call(self, y: tf.Tensor, h: tf.Tensor) -> tf.Tensor:
        """Per sample, shaped as h without its last axis."""
        t = tf.square((h - y) / self.delta)
        # t / (sqrt(1 + t) + 1) is sqrt(1 + t) - 1 without the cancellation of small residuals.
        return self.delta**2 * tf.reduce_mean(t / (tf.sqrt(1.0 + t) + 1.0), -1)

    def hessian_product(self, y: tf.Tensor, h: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        """The Hessian of the mean over the batch with respect to h, times z."""
        return z * (1.0 + tf.square((h - y) / self.delta)) ** -1.5 / _size(h)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "delta": self.delta}


def _square(_y: tf.Tensor, h: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
    return 2.0 * z / _size(h)


def _softmax_of_logits(_y: tf.Tensor, h: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
    p = tf.nn.softmax(h)
    return (p * z - p * tf.reduce_sum(p * z, -1, keepdims=True)) / _rows(h)


def _softmax_of_probabilities(_y: tf.Tensor, h: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
    return tf.math.divide_no_nan(z, h) / _rows(h)


def _sigmoid_of_logits(_y: tf.Tensor, h: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
    p = tf.sigmoid(h)
    return p * (1.0 - p) * z / _size(h)


def _sigmoid_of_probabilities(_y: tf.Tensor, h: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
    return tf.math.divide_no_nan(z, h * (1.0 - h)) / _size(h)


def _poisson(y: tf.Tensor, h: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
    return y * z / tf.square(h + keras.config.epsilon()) / _size(h)


def _rows(h: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.size(h) // tf.shape(h)[-1], h.dtype)


def _size(h: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.size(h), h.dtype)


_HESSIANS: dict[tuple[str, bool], HessianProduct] = {
    ("mean_squared_error", False): _square,
    ("categorical_crossentropy", True): _softmax_of_logits,
    ("categorical_crossentropy", False): _softmax_of_probabilities,
    ("sparse_categorical_crossentropy", True): _softmax_of_logits,
    ("sparse_categorical_crossentropy", False): _softmax_of_probabilities,
    ("kl_divergence", False): _softmax_of_probabilities,
    ("binary_crossentropy", True): _sigmoid_of_logits,
    ("binary_crossentropy", False): _sigmoid_of_probabilities,
    ("poisson", False): _poisson,
}


def the_loss(loss: Any) -> Any:
    """The loss that Keras would make of `compile(loss=...)`: an object, a function or a name, alone or in a list.

    Raises ValueError where there are several.
    """
    parts = keras.tree.flatten(loss)
    if len(parts) != 1:
        raise ValueError("SQGN and micro_batch need one loss, of one output.")
    return keras.losses.get(parts[0]) if isinstance(parts[0], str | dict) else parts[0]


def loss_hessian(loss: Any) -> HessianProduct:
    """The closed form `(y, h, z) -> Hz` of a Keras loss, for the mean over the batch.

    Knows the mean square error, the categorical, sparse categorical and binary cross-entropies, the KL divergence (of a
    softmax), Poisson and `PseudoHuber`. A loss of one's own takes part by a method `hessian_product(y, h, z)`; it must
    be a mean over the samples of something that depends on each sample's own output.

    Raises ValueError for any other loss: without a known convex Hessian there is no Gauss-Newton matrix.
    """
    loss = the_loss(loss)
    if hasattr(loss, "hessian_product"):
        return loss.hessian_product
    options = loss_options(loss)
    function = getattr(loss, "fn", loss)
    name = getattr(function, "__name__", type(loss).__name__)
    known = _HESSIANS.get((name, bool(options.get("from_logits", False))))
    if known is None or options.get("axis", -1) != -1 or options.get("ignore_class") is not None:
        raise ValueError(
            f"The Hessian of the loss {name!r} with respect to the network's output is not known. Use the mean "
            "square error, a categorical, sparse categorical or binary cross-entropy or the KL divergence over the "
            "last axis, Poisson or PseudoHuber, or give the loss a method hessian_product(y, h, z)."
        )
    return known


def check_is_mean(loss: Any) -> None:
    """Raise ValueError for a loss that is not the mean over the batch."""
    reduction = getattr(loss, "reduction", "sum_over_batch_size")
    if reduction not in ("sum_over_batch_size", "mean", "mean_with_sample_weight"):
        raise ValueError(f"The loss must be a mean over the batch, not a {reduction!r}.")
