"""A watch over the steps: a limit on their length that follows the next gradient, and a way back from a bad one.

Whether a step was too long, a mini-batch that the step was not made from must tell: the one after. Its gradient says by
its sign along the step whether the limit is to grow or to shrink. Its loss says whether the step has ruined the
weights; but losses of different mini-batches differ for reasons of their own (one rare sample among many, harder data),
so a loss that looks bad beside the usual one is held against the loss of *the same* mini-batch at the weights that were
kept. That takes a forward pass, and only then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from .scaling import AddVariable
from .vectors import assign, dot, norm, spacing_at_one, vector_of

SOUND, RUINED, BROKEN = 0, 1, 2


class Safeguard:
    """Sound weights to return to, and the limit on the steps.

    `kept` are the last weights at which the loss looked usual, `departure` (m,) is what leads from them to those now.

    `explosion` is how many times its loss at the kept weights a mini-batch's loss may be; 10 is beyond what a sound
    step does (1,200 trainings of MNIST had 14 rollbacks at that) and short of what takes long to mend. The limit on
    the steps is multiplied by `growth` while the next gradient still points down a step that it cut short, and by
    `growth` to the power `-shrinkage` when it points back: 1.05 was better than 1.1, and following both ways alike
    shrinks too much where noise is all that is left. A step that was shorter by itself tells nothing of a longer one:
    the limit does not grow by it, as in common trust regions (Nocedal and Wright 2006, algorithm 4.1), since one that
    lost touch with the steps let single ones ruin what many had gained (docs/experiments.md). `max_step` is where the
    limit starts from; it stays within a factor 30 below (a training does not come to a stand) and 3 above (larger fixed
    limits diverged).
    """

    smoothing = 0.9
    """The usual loss is a mean over some ten mini-batches: long enough not to follow one, short beside an epoch."""
    least_step, greatest_step = 1.0 / 30.0, 3.0
    halving = 0.5

    def __init__(
        self, add: AddVariable, variables: Sequence[Any],
        max_step: float | None, explosion: float, growth: float, shrinkage: float,
    ) -> None:  # fmt: skip
        self.max_step, self.explosion = max_step, explosion
        self.growth, self.shrinking = growth, growth**-shrinkage
        self.kept = [add(v.shape, name="kept_weights") for v in variables]
        self.departure = add((sum(int(np.prod(v.shape)) for v in variables),), name="departure")
        self.usual_loss = add((), initializer=keras.initializers.Constant(np.inf), name="usual_loss")
        self.limit = add((), initializer=keras.initializers.Constant(max_step or 0.0), name="step_limit")
        self.cut_short = add((), name="step_cut_short")

    def doubts(self, loss: tf.Tensor, g: tf.Tensor) -> tf.Tensor:
        """Whether a loss and its gradient (m,) at w_k look bad beside the usual ones."""
        usual = tf.convert_to_tensor(self.usual_loss)
        first = ~tf.math.is_finite(usual)
        return ~_finite(loss, g) | ~(first | (loss <= self._most(usual)))

    def verdict(self, doubtful: tf.Tensor, loss: tf.Tensor, g: tf.Tensor, kept_loss: tf.Tensor) -> tf.Tensor:
        """What is to be done about mini-batch S_k: one of SOUND, RUINED and BROKEN.

        `kept_loss` is its loss at the kept weights; it is read where `doubtful`. A mini-batch that is not a number at
        either weights is broken itself. The limit and the usual loss follow one that is sound; where a step has ruined
        the weights, the limit becomes half its length. (A gradient that is no number, of a loss that is one, tells
        nothing of the step.)
        """
        usual = tf.convert_to_tensor(self.usual_loss)
        first = ~tf.math.is_finite(usual)
        finite, comparable = _finite(loss, g), tf.math.is_finite(kept_loss) & ~first
        ruined = doubtful & comparable & (~finite | (loss > self._most(kept_loss)))
        broken = ~finite & ~comparable
        sound = ~(ruined | broken)
        seen = tf.where(doubtful, loss, tf.minimum(loss, usual + tf.abs(usual)))
        smoothed = tf.where(first, loss, self.smoothing * usual + (1.0 - self.smoothing) * seen)
        self.usual_loss.assign(tf.where(sound, smoothed, usual))
        if self.max_step is not None:
            departure = tf.convert_to_tensor(self.departure)
            limit = tf.convert_to_tensor(self.limit)
            length = tf.cast(norm(departure), limit.dtype)
            slope = dot(g, departure)
            growth = tf.where(tf.convert_to_tensor(self.cut_short) > 0.0, self.growth, 1.0)
            change = tf.where(slope < 0.0, growth, tf.where(slope > 0.0, self.shrinking, 1.0))
            change = tf.where(sound, change, tf.where(ruined, self.halving, 1.0))
            by_a_step = ruined & ~(tf.math.is_finite(loss) & ~finite) & (length > 0.0)
            limit = tf.where(by_a_step & (length < limit), length, limit)
            limit *= tf.cast(change, limit.dtype)
            self.limit.assign(tf.clip_by_value(limit, self._least, self.greatest_step * self.max_step))
        return tf.where(ruined, RUINED, tf.where(broken, BROKEN, SOUND))

    def follow(self, doubtful: tf.Tensor, w: Sequence[tf.Tensor], departure: tf.Tensor, cut_short: tf.Tensor) -> None:
        """A step (m,), cut short or not, leads on from weights w: keep them, unless the loss there was doubtful."""
        self.cut_short.assign(tf.cast(cut_short & ~doubtful, self.cut_short.dtype))

        def keep() -> tf.Operation:
            assign(self.kept, w)
            self.departure.assign(departure)
            return tf.no_op()

        def go_on() -> tf.Operation:
            self.departure.assign_add(departure)
            return tf.no_op()

        tf.cond(doubtful, go_on, keep)

    def can_shorten(self) -> tf.Tensor:
        """Whether the limit is not yet the least, so that the next steps are shorter than the one that ruined."""
        return tf.constant(False) if self.max_step is None else tf.convert_to_tensor(self.limit) > self._least

    def way_back(self) -> list[tf.Tensor]:
        """The weights to return to; from there nothing has departed."""
        self.departure.assign(tf.zeros_like(self.departure))
        return [tf.convert_to_tensor(v) for v in self.kept]

    def is_elsewhere(self, variables: Sequence[Any]) -> bool:
        """Whether the weights are not where the last step left them (`set_weights`, another training in between).

        Farther from there than rounding explains: some units in the last place, and a thousandth of the step.
        """
        if not np.isfinite(float(tf.convert_to_tensor(self.usual_loss))):
            return False
        w, departure = vector_of(variables), tf.convert_to_tensor(self.departure)
        rounding = 10.0 * spacing_at_one(w.dtype) * norm(w)
        return bool(norm(w - vector_of(self.kept) - departure) > 1e-3 * norm(departure) + rounding)

    def restart(self) -> None:
        """Begin anew: the losses so far are of another training."""
        self.usual_loss.assign(np.inf)
        self.limit.assign(self.max_step or 0.0)
        self.departure.assign(tf.zeros_like(self.departure))

    @property
    def _least(self) -> float:
        assert self.max_step is not None
        return self.least_step * self.max_step

    def _most(self, loss: tf.Tensor) -> tf.Tensor:
        return loss + (self.explosion - 1.0) * tf.abs(loss)


def _finite(loss: tf.Tensor, g: tf.Tensor) -> tf.Tensor:
    return tf.math.is_finite(loss) & tf.math.is_finite(norm(g))
