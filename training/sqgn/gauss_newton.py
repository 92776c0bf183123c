"""Gauss-Newton products `v = J'HJ s`: Algorithm 2 of Thiele, Araya-Polo and Hohl (2021).

For a loss `f(w) = l(h(w))` with network output `h` and convex `l`, the Gauss-Newton matrix is `G = J'HJ` with
`J = dh/dw` and `H` the Hessian of `l` with respect to `h`. It is never formed; a product takes three maps,

    s -> Js,    Js -> HJs,    HJs -> J'HJs,

of which the first is the transpose of the linear map `u -> J'u` (Townsend 2017), so that backpropagation alone
does it, and the second is known in closed form for the losses listed in `losses`. One forward pass is shared by all: a
product costs about 5/3 of a gradient.

It is more where the number of samples is not static: TensorFlow then backpropagates u = 0 to learn the shapes of what
comes out, for which the derivative of a bias asks.

TensorFlow 2.21 has three traps. XLA rounds second derivatives of max pooling to bfloat16, so none of this may be
compiled with `jit_compile`; outside a `tf.function` the CPU's MaxPool3DGrad credits every tied maximum, so it must be
traced; and the gradient of bilinear resizing is taken for a constant, unless `differentiable_resizing` says otherwise.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

import keras
import tensorflow as tf

from .keras_private import differentiable_resizing, layers_of

Weights = Sequence[tf.Tensor]
PRODUCT_COST = 5.0 / 3.0
"""Gradients that a product costs: one forward pass of two backward ones and a tangent."""


def gauss_newton_product(
    forward: Callable[[Weights], tf.Tensor],
    weights: Weights,
    hessian: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    s: Weights,
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Return the network's output `h = forward(weights)` and the product `J'HJ s`, shaped as the weights.

    `hessian(h, z)` is `Hz`. Call it inside a `tf.function` that XLA does not compile.

    Raises ValueError where TensorFlow does not know an operation's second derivative.
    """
    with tf.GradientTape(persistent=True) as network:
        network.watch(weights)
        h = forward(weights)
    u = tf.zeros_like(h)
    with differentiable_resizing(), tf.GradientTape() as transpose:
        transpose.watch(u)
        Jt_u = _dense(network.gradient(h, weights, u, unconnected_gradients="zero"))
    try:
        Js = transpose.gradient(Jt_u, u, list(s), unconnected_gradients="zero")
    except LookupError as missing:
        raise ValueError(f"SQGN needs second derivatives of all operations: {missing.args[0]}.") from missing
    HJs = hessian(h, Js)
    return h, _dense(network.gradient(h, weights, HJs, unconnected_gradients="zero"))


def gradient(
    forward: Callable[[Weights], tf.Tensor], weights: Weights, loss: Callable[[tf.Tensor], tf.Tensor]
) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
    """Return the network's output `h`, the loss there and its gradient, shaped as the weights."""
    with tf.GradientTape() as tape:
        tape.watch(weights)
        h = forward(weights)
        value = loss(h)
    return h, value, _dense(tape.gradient(value, weights, unconnected_gradients="zero"))


def _dense(blocks: Sequence[tf.Tensor | tf.IndexedSlices]) -> list[tf.Tensor]:
    """Tensors, also of the rows of an embedding, which TensorFlow gives apart."""
    return [tf.convert_to_tensor(block) for block in blocks]


@contextlib.contextmanager
def single_precision(model: keras.Model) -> Iterator[None]:
    """Run the model's layers in the precision of their weights: curvature under mixed precision."""
    layers = [layer for layer in layers_of(model) if layer.compute_dtype != layer.variable_dtype]
    policies = [layer.dtype_policy for layer in layers]
    for layer in layers:
        layer.dtype_policy = keras.DTypePolicy(layer.variable_dtype)
    try:
        yield
    finally:
        for layer, policy in zip(layers, policies, strict=True):
            layer.dtype_policy = policy
