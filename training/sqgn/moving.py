"""Line 16 of Algorithm 1, `w_{k+1} = w_k + s_k`, with what Keras adds to it.

Decoupled weight decay (Loshchilov and Hutter 2019) shrinks the weights beside the step,
`w_{k+1} = w_k - alpha decay w_k + s_k`; it is no part of the loss, so it enters no curvature pair. Constraints come
last, and the step of the pair is the one that they leave. A moving average of the weights is kept beside them.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf

from .keras_private import averages, decays, trained_variables
from .vectors import assign, blocks_of, vector_of


def move(optimizer: keras.optimizers.Optimizer, w: Sequence[tf.Tensor], s: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Move the optimizer's variables from w by a step (m,); return the step that was made, and that with the decay."""
    variables, start = trained_variables(optimizer), list(w)
    if optimizer.weight_decay:
        shrunk = tf.cast(optimizer.learning_rate, s.dtype) * tf.constant(optimizer.weight_decay, s.dtype)
        start = [a - shrunk * a if decays(optimizer, v) else a for a, v in zip(w, variables, strict=True)]
    ends = [a + b for a, b in zip(start, blocks_of(s, variables), strict=True)]
    if any(v.constraint is not None for v in variables):
        ends = [b if v.constraint is None else v.constraint(b) for b, v in zip(ends, variables, strict=True)]
        s = vector_of(ends) - vector_of(start)
    assign(variables, ends)
    return s, vector_of(ends) - vector_of(w) if optimizer.weight_decay else s


def average(optimizer: keras.optimizers.Optimizer) -> None:
    """Let Keras's moving averages follow the variables; they begin with those after the first iteration."""
    first = tf.convert_to_tensor(optimizer.iterations) == 0
    for mean, variable in zip(averages(optimizer), trained_variables(optimizer), strict=True):
        kept = tf.where(first, tf.zeros((), variable.dtype), tf.constant(optimizer.ema_momentum, variable.dtype))
        mean.assign(kept * mean + (1.0 - kept) * variable)
