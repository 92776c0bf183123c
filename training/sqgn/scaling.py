"""The initial inverse Hessian D of the L-BFGS direction, a diagonal: the paper's one number, or one for each weight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

AddVariable = Callable[..., Any]


class CommonScaling:
    """The initial inverse Hessian `gamma I`, gamma the mean of `s'v / v'v` (Schraudolph et al. 2007, equation 14).

    `add(shape, dtype=..., name=...)` creates a variable; `sizes` are the numbers of weights of the network's variables,
    which follow each other in every vector (m,).
    """

    def __init__(self, add: AddVariable, sizes: Sequence[int]) -> None:
        pass

    def learn(self, g: tf.Tensor) -> None:
        """Take a gradient (m,) into account."""

    def forget(self) -> None:
        """The gradients so far are of another training."""

    def gamma(self, sv: tf.Tensor, vv: tf.Tensor, used: tf.Tensor) -> tf.Tensor:
        """The mean of D's diagonal, from `s_i'v_i`, `v_i'v_i` and 1.0 where there is a pair, all float64 (L,)."""
        count = tf.reduce_sum(used)
        ratio = tf.reduce_sum(used * tf.math.divide_no_nan(sv, vv)) / tf.maximum(count, 1.0)
        return tf.where(count > 0, ratio, tf.ones_like(ratio))

    def times(self, vector: tf.Tensor, gamma: tf.Tensor) -> tf.Tensor:
        """D times a vector (m,)."""
        return tf.cast(gamma, vector.dtype) * vector


class GradientScaling(CommonScaling):
    """The initial inverse Hessian `D = scale / sqrt(u + floor mean(u))`, u the running mean square of g_k.

    The mean is over a variable's weights, plus `idle` times that over all: a weight that was idle so far has at most
    `1 / sqrt(floor)` times its variable's typical scaling, and a variable that was idle as a whole does not run away
    either. D is renewed in each of the first `interval` iterations, and then every `interval` iterations.

    `scale` is the length, in each weight, of the step that follows typical gradients before there are pairs, divided by
    alpha. 0.1 with a floor of 0.01 were the best of those tried (docs/experiments.md); with alpha = 0.1 a weight moves
    by 0.01 at most, as with Adam at a rate of 0.01. u is the plain mean of the first `window` gradients and forgets
    with that window afterwards, as Adam's second moment does with 1,000.
    """

    idle = 1e-6
    """Lets a variable without gradients have at most `1 / sqrt(floor idle)`, 10^4 times the typical scaling: what its
    gradients are by rounding alone, 1e-7 of the others', then moves it by no more than 1e-3 of what moves the others.
    """
    interval = 20
    """Renewing is a pass over m weights and a square root; renewed every 5, 10 or 20 iterations tomography ended at
    605, 621 and 622 (docs/experiments.md), which is within its noise.
    """

    def __init__(
        self, add: AddVariable, sizes: Sequence[int], scale: float = 0.1, floor: float = 0.01, window: int = 100
    ) -> None:
        self.scale, self.floor, self.window = scale, floor, window
        self.sizes = list(sizes)
        self.mean_square = add((sum(sizes),), name="mean_square")
        self.diagonal = add((sum(sizes),), name="diagonal")
        self.mean = add((), dtype="float64", name="mean_diagonal")
        self.seen = add((), dtype="int64", name="gradients_seen")

    def learn(self, g: tf.Tensor) -> None:
        seen = tf.convert_to_tensor(self.seen)
        share = 1.0 / tf.cast(tf.minimum(seen + 1, self.window), tf.float64)
        u = tf.convert_to_tensor(self.mean_square)
        u += (tf.square(g) - u) * tf.cast(share, g.dtype)
        self.mean_square.assign(u)
        self.seen.assign_add(1)
        renew = (seen < self.interval) | (seen % self.interval == 0)
        tf.cond(renew, lambda: self._renew(u), lambda: tf.no_op())

    def forget(self) -> None:
        self.seen.assign(0)

    def _renew(self, u: tf.Tensor) -> tf.Operation:
        whole = tf.reduce_mean(u)
        floored = [part + self.floor * (tf.reduce_mean(part) + self.idle * whole) for part in tf.split(u, self.sizes)]
        diagonal = self.scale * tf.math.divide_no_nan(1.0, tf.sqrt(tf.concat(floored, 0)))
        self.diagonal.assign(diagonal)
        self.mean.assign(tf.cast(tf.reduce_mean(diagonal), tf.float64))
        return tf.no_op()

    def gamma(self, sv: tf.Tensor, vv: tf.Tensor, used: tf.Tensor) -> tf.Tensor:
        return tf.convert_to_tensor(self.mean)

    def times(self, vector: tf.Tensor, gamma: tf.Tensor) -> tf.Tensor:
        return vector * self.diagonal


SCALINGS: dict[str, type[CommonScaling]] = {"common": CommonScaling, "gradient": GradientScaling}
