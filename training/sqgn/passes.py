"""Passes of a Keras model over a mini-batch: loss, gradient and Gauss-Newton product at given weights.

The weights are arguments of the forward pass (`stateless_call`), so that the gradient at w_k, the one at the snapshot
and the curvature at w_{k+1} are calls of the same function, with the same dropout masks. `data` is (x, y) or
(x, y, weight), with a weight for each sample or for each of its values of the loss, `f = mean(weight l)`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from .gauss_newton import Weights, gauss_newton_product, gradient, single_precision
from .keras_private import is_masked, is_seed, takes_training
from .losses import HessianProduct
from .micro_batches import over_micro_batches
from .refusals import refuse, square_penalty
from .vectors import blocks_of, vector_of

Data = tuple[Any, ...]


@dataclass(frozen=True)
class Passes:
    """What is evaluated of a model: the loss of each sample, `loss(y, h)`, and its mean's Hessian, `hessian(y, h, z)`.

    `who` is the one that refuses what it cannot do. `squeezes` says whether y and h may differ by an axis of length 1,
    as Keras's own losses allow, and `weighs` whether samples may have weights: the mean must be over the samples, not
    over their weights, or it would not be the mean of its parts' means.
    """

    model: keras.Model
    who: str
    loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    hessian: HessianProduct | None
    squeezes: bool
    weighs: bool

    def gradient(self, w: Weights, data: Data) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, list[Any]]:
        """Network output, loss and gradient (m,) over a mini-batch at weights w, and the state that the layers leave.

        The state is None for each variable that is not trainable and that the pass leaves as it was.
        """
        states: list[list[Any]] = []

        def part(x: Any, y: tf.Tensor, weight: Any = None) -> tuple[tf.Tensor, list[tf.Tensor]]:
            def forward(weights: Weights) -> tf.Tensor:
                h, state = self._forward(x, weights)
                states.append(state)
                return h

            h, value, g = gradient(forward, w, lambda h: self._mean_loss(h, y, weight, w[0].dtype))
            return h, [value, vector_of(g)]

        h, (loss, g) = over_micro_batches(part, data, self.model.micro_batch)
        loss, g = self._penalized(loss, g, w)
        refuse(self.who, {"layers that keep state in call, in micro-batches": len(states) > 1 and any_state(states[0])})
        return h, loss, g, states[0]

    def loss_at(self, w: Weights, data: Data) -> tf.Tensor:
        """The loss over a mini-batch at weights w."""

        def part(x: Any, y: tf.Tensor, weight: Any = None) -> tuple[tf.Tensor, list[tf.Tensor]]:
            h, _ = self._forward(x, w)
            return h, [self._mean_loss(h, y, weight, w[0].dtype)]

        _, (loss,) = over_micro_batches(part, data, self.model.micro_batch)
        return self._penalized(loss, None, w)[0]

    def product(self, w: Weights, data: Data, s: tf.Tensor) -> tf.Tensor:
        """Gauss-Newton product (m,) with s (m,) over a mini-batch at weights w, in the precision of the weights."""

        def part(x: Any, y: tf.Tensor, weight: Any = None) -> tuple[tf.Tensor, list[tf.Tensor]]:
            def hessian(h: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
                assert self.hessian is not None
                Hz = self.hessian(self._targets(y, h), h, z)
                return Hz if weight is None else Hz * _weights(weight, h)

            h, v = gauss_newton_product(lambda w: self._forward(x, w)[0], w, hessian, blocks_of(s, w))
            return h, [vector_of(v)]

        with single_precision(self.model):
            v = over_micro_batches(part, data, self.model.micro_batch)[1][0]
        return self._penalized(None, v, blocks_of(s, w))[1]

    def _forward(self, x: Any, weights: Weights) -> tuple[tf.Tensor, list[Any]]:
        model = self.model
        fixed = [tf.convert_to_tensor(v) for v in model.non_trainable_variables]
        options = {"training": True} if takes_training(model) else {}
        h, after, losses = model.stateless_call(list(weights), fixed, x, return_losses=True, **options)
        penalties = sum(v.regularizer is not None for v in model.trainable_variables)
        outputs = keras.tree.flatten(h)
        found = {
            "losses of layers (activity regularizers, add_loss)": len(losses) > penalties,
            "several outputs": len(outputs) != 1,
            "masked outputs": is_masked(outputs[0]),
        }
        refuse(self.who, found)
        seeds = [is_seed(v) for v in model.non_trainable_variables]
        changed = [None if seed or a is b else b for a, b, seed in zip(fixed, after, seeds, strict=True)]
        return outputs[0], changed

    def _mean_loss(self, h: tf.Tensor, y: tf.Tensor, weight: Any, dtype: Any) -> tf.Tensor:
        h = tf.cast(h, dtype)
        values = self.loss(self._targets(y, h), h)
        found = {
            "weights of samples with the reduction 'mean_with_sample_weight'": weight is not None and not self.weighs,
            "losses that are not one of each sample": values.shape.rank == 0
            and (weight is not None or self.model.micro_batch is not None),
            "masked losses": is_masked(values),
        }
        refuse(self.who, found)
        return tf.reduce_mean(values if weight is None else values * _weights(weight, values))

    def _targets(self, y: tf.Tensor, h: tf.Tensor) -> tf.Tensor:
        """y in h's precision; as in Keras, (n,) and (n, 1) are the same."""
        y = tf.cast(y, h.dtype)
        if self.squeezes and y.shape.rank == h.shape.rank - 1 and h.shape[-1] == 1:
            return y[..., None]
        if self.squeezes and y.shape.rank == h.shape.rank + 1 and y.shape[-1] == 1:
            return y[..., 0]
        return y

    def _penalized(self, loss: Any, g: Any, w: Weights) -> tuple[Any, Any]:
        """The loss, and a gradient or product (m,), with those of the weights' L2 regularizers."""
        penalties = [square_penalty(v.regularizer) for v in self.model.trainable_variables]
        if not any(penalties):
            return loss, g
        if loss is not None:
            loss += tf.add_n([c * tf.reduce_sum(tf.square(b)) for c, b in zip(penalties, w, strict=True) if c])
        if g is not None:
            g += vector_of([2.0 * c * b for c, b in zip(penalties, w, strict=True)])
        return loss, g


def any_state(state: list[Any]) -> bool:
    """Whether a forward pass has changed a variable other than the seeds of random generators."""
    return any(value is not None for value in state)


def _weights(weight: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Weights of samples, (n,), (n, 1) or longer, brought to the rank of what they multiply."""
    weight = tf.cast(weight, values.dtype)
    if weight.shape.rank > max(values.shape.rank, 1) and weight.shape[-1] == 1:
        weight = weight[..., 0]
    return weight[(..., *[tf.newaxis] * (values.shape.rank - weight.shape.rank))]
