"""Gauss-Newton products `v = J'HJ s`: Algorithm 2 of Thiele, Araya-Polo and Hohl (2021).

For a loss `f(w) = l(h(w))` with network output `h` and convex `l`, the Gauss-Newton matrix is `G = J'HJ` with
`J = dh/dw` and `H` the Hessian of `l` with respect to `h`. It is never formed; a product takes three maps,

    s -> Js,    Js -> HJs,    HJs -> J'HJs,

of which the first is the transpose of the linear map `u -> J'u` (Townsend 2017), so that backpropagation alone
does it, and the second is known in closed form for the losses listed in `loss_hessian`. One forward pass is
shared by all: a product costs about 5/3 of a gradient.

It is more where the number of samples is not static: TensorFlow then backpropagates u = 0 to learn the shapes of what
comes out, for which the derivative of a bias asks.

TensorFlow 2.21 has two traps. XLA rounds second derivatives of max pooling to bfloat16, so none of this may be
compiled with `jit_compile`; and outside a `tf.function` the CPU's MaxPool3DGrad credits every tied maximum, so
it must be traced.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

Weights = Sequence[tf.Tensor]
HessianProduct = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


def _square(_y: tf.Tensor, h: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
    return 2.0 * z / tf.cast(tf.size(h), z.dtype)


def _softmax_of_logits(_y: tf.Tensor, h: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
    p = tf.nn.softmax(h)
    return (p * z - p * tf.reduce_sum(p * z, -1, keepdims=True)) / _rows(h)


def _softmax_of_probabilities(_y: tf.Tensor, h: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
    return tf.math.divide_no_nan(z, h) / _rows(h)


def _sigmoid_of_logits(_y: tf.Tensor, h: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
    p = tf.sigmoid(h)
    return p * (1.0 - p) * z / tf.cast(tf.size(h), z.dtype)


def _sigmoid_of_probabilities(_y: tf.Tensor, h: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
    return tf.math.divide_no_nan(z, h * (1.0 - h)) / tf.cast(tf.size(h), z.dtype)


def _rows(h: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.size(h) // tf.shape(h)[-1], h.dtype)


_HESSIANS: dict[tuple[str, bool], HessianProduct] = {
    ("mean_squared_error", False): _square,
    ("categorical_crossentropy", True): _softmax_of_logits,
    ("categorical_crossentropy", False): _softmax_of_probabilities,
    ("sparse_categorical_crossentropy", True): _softmax_of_logits,
    ("sparse_categorical_crossentropy", False): _softmax_of_probabilities,
    ("binary_crossentropy", True): _sigmoid_of_logits,
    ("binary_crossentropy", False): _sigmoid_of_probabilities,
}


def loss_hessian(loss: Any) -> HessianProduct:
    """The closed form `(y, h, z) -> Hz` of a Keras loss, for the mean over the batch.

    Knows the mean square error and the categorical, sparse categorical and binary cross-entropies. With
    `from_logits=False` the network must end in softmax or sigmoid; the Hessian is then the one that gives the
    same `J'HJ` as taking `h` before that activation. A loss of one's own takes part by a method
    `hessian_product(y, h, z)`.

    Raises ValueError for any other loss: without a known convex Hessian there is no Gauss-Newton matrix.
    """
    if hasattr(loss, "hessian_product"):
        return loss.hessian_product
    if isinstance(loss, str):
        loss = keras.losses.get(loss)
    function = getattr(loss, "fn", loss)
    options = getattr(loss, "_fn_kwargs", {})
    name = getattr(function, "__name__", type(loss).__name__)
    known = _HESSIANS.get((name, bool(options.get("from_logits", False))))
    if known is None or options.get("axis", -1) != -1 or options.get("ignore_class") is not None:
        raise ValueError(
            f"The Hessian of the loss {name!r} with respect to the network's output is not known. Use the mean "
            "square error or a categorical, sparse categorical or binary cross-entropy over the last axis, or give "
            "the loss a method hessian_product(y, h, z)."
        )
    return known


def check_is_mean(loss: Any) -> None:
    """Raise ValueError for a loss that is not the mean over the batch."""
    reduction = getattr(loss, "reduction", "sum_over_batch_size")
    if reduction not in ("sum_over_batch_size", "mean", "mean_with_sample_weight"):
        raise ValueError(f"The loss must be a mean over the batch, not a {reduction!r}.")


def vector_of(blocks: Weights) -> tf.Tensor:
    """All blocks, such as the gradient's for each of a network's variables, as one vector (m,)."""
    return tf.concat([tf.reshape(block, [-1]) for block in blocks], 0)


def blocks_of(vector: tf.Tensor, variables: Sequence[Any]) -> list[tf.Tensor]:
    """A vector (m,) cut into blocks, each shaped as one of the variables."""
    parts = tf.split(vector, [int(np.prod(v.shape)) for v in variables])
    return [tf.reshape(part, v.shape) for part, v in zip(parts, variables, strict=True)]


def gauss_newton_product(
    forward: Callable[[Weights], tf.Tensor],
    weights: Weights,
    hessian: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    s: Weights,
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Return the network's output `h = forward(weights)` and the product `J'HJ s`, shaped as the weights.

    `hessian(h, z)` is `Hz`. Call it inside a `tf.function` that XLA does not compile.
    """
    with tf.GradientTape(persistent=True) as network:
        network.watch(weights)
        h = forward(weights)
    u = tf.zeros_like(h)
    with tf.GradientTape() as transpose:
        transpose.watch(u)
        Jt_u = network.gradient(h, weights, u, unconnected_gradients="zero")
    Js = transpose.gradient(Jt_u, u, list(s), unconnected_gradients="zero")
    HJs = hessian(h, Js)
    return h, network.gradient(h, weights, HJs, unconnected_gradients="zero")


def gradient(
    forward: Callable[[Weights], tf.Tensor], weights: Weights, loss: Callable[[tf.Tensor], tf.Tensor]
) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
    """Return the network's output `h`, the loss there and its gradient, shaped as the weights."""
    with tf.GradientTape() as tape:
        tape.watch(weights)
        h = forward(weights)
        value = loss(h)
    return h, value, tape.gradient(value, weights, unconnected_gradients="zero")


def over_micro_batches(
    function: Callable[[Any, Any], tuple[tf.Tensor, list[tf.Tensor]]], x: Any, y: Any, micro_batch: int | None
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Evaluate `function(x, y) -> (output per sample, means over samples)` a few samples at a time.

    The outputs are concatenated and the means averaged with the micro-batches' sizes as weights: the result
    is that of the whole batch, to rounding, with the memory of `micro_batch` samples.
    """
    if micro_batch is None or (y.shape[0] is not None and y.shape[0] <= micro_batch):
        return function(x, y)
    samples = tf.shape(y)[0] if y.shape[0] is None else y.shape[0]
    first = (samples - 1) % micro_batch + 1  # the odd part comes first, so that all in the loop are of one static size

    def part(start: tf.Tensor | int, length: tf.Tensor | int) -> tuple[tf.Tensor, list[tf.Tensor]]:
        static = length if isinstance(length, int) else None

        def cut(a: tf.Tensor) -> tf.Tensor:
            return tf.ensure_shape(a[start : start + length], (static, *a.shape[1:]))

        outputs, means = function(*keras.tree.map_structure(cut, (x, y)))
        return outputs, [mean * (tf.cast(length, mean.dtype) / tf.cast(samples, mean.dtype)) for mean in means]

    outputs, sums = part(0, first)
    count = tf.maximum(1 + (samples - first) // micro_batch, 1)  # a replica may have no samples
    pieces = tf.TensorArray(outputs.dtype, count, infer_shape=False, element_shape=[None, *outputs.shape[1:]])

    def accumulate(number: tf.Tensor, pieces: tf.TensorArray, sums: list[tf.Tensor]) -> tuple:
        outputs, means = part(first + (number - 1) * micro_batch, micro_batch)
        return number + 1, pieces.write(number, outputs), [a + b for a, b in zip(sums, means, strict=True)]

    _, pieces, sums = tf.while_loop(
        lambda number, *_: number < count,
        accumulate,
        (tf.constant(1), pieces.write(0, outputs), sums),
        parallel_iterations=1,
    )
    return pieces.concat(), sums


@contextlib.contextmanager
def single_precision(model: keras.Model) -> Iterator[None]:
    """Run the model's layers in the precision of their weights: curvature under mixed precision."""
    layers = [layer for layer in model._flatten_layers() if layer.compute_dtype != layer.variable_dtype]
    policies = [layer.dtype_policy for layer in layers]
    for layer in layers:
        layer.dtype_policy = keras.DTypePolicy(layer.variable_dtype)
    try:
        yield
    finally:
        for layer, policy in zip(layers, policies, strict=True):
            layer.dtype_policy = policy
