"""Gauss-Newton products against the dense matrix, and the traps of TensorFlow's second derivatives."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.eager import context
from tiny_network import dense_jacobian, dense_output_hessian, flat, tiny_data, tiny_network

from training.sqgn import SQGN
from training.sqgn.gauss_newton import gauss_newton_product, gradient
from training.sqgn.losses import loss_hessian
from training.sqgn.micro_batches import over_micro_batches

ONE_HOT = np.eye(3)[[0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]]
LABELS = np.argmax(ONE_HOT, 1)

LOSSES = [
    ("mse", None, None, keras.losses.MeanSquaredError()),
    ("categorical logits", None, ONE_HOT, keras.losses.CategoricalCrossentropy(from_logits=True)),
    ("smoothed", None, ONE_HOT, keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)),
    ("categorical", "softmax", ONE_HOT, keras.losses.CategoricalCrossentropy()),
    ("sparse logits", None, LABELS, keras.losses.SparseCategoricalCrossentropy(from_logits=True)),
    ("sparse", "softmax", LABELS, keras.losses.SparseCategoricalCrossentropy()),
    ("binary logits", None, ONE_HOT, keras.losses.BinaryCrossentropy(from_logits=True)),
    ("binary", "sigmoid", ONE_HOT, keras.losses.BinaryCrossentropy()),
]  # fmt: skip


def product(model, hessian, x, y, s):
    @tf.function
    def traced(x, y, s):
        weights = [tf.convert_to_tensor(v) for v in model.trainable_variables]
        fixed = [tf.convert_to_tensor(v) for v in model.non_trainable_variables]
        return gauss_newton_product(
            lambda w: model.stateless_call(w, fixed, x)[0], weights, lambda h, z: hessian(y, h, z), s
        )[1]

    return traced(tf.constant(x), y, [tf.constant(block) for block in s])


def random_direction(model, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=v.shape) for v in model.trainable_variables]


@pytest.mark.parametrize(("name", "activation", "labels", "loss"), LOSSES, ids=[row[0] for row in LOSSES])
def test_product_equals_the_dense_matrix(float64, name, activation, labels, loss):
    x, targets = tiny_data()
    y = targets if labels is None else labels
    loss = type(loss).from_config({**loss.get_config(), "dtype": "float64"})
    model = tiny_network(activation=activation)
    s = random_direction(model)

    J, h = dense_jacobian(model, x), model(tf.constant(x)).numpy()
    if activation is None:
        H = dense_output_hessian(loss, y, h)
    elif activation == "softmax":
        # J_p = H_z J_z with H_z = diag(p) - pp', so that J_z' H_z J_z = J_p' pinv(H_z) J_p.
        H = np.zeros((h.size, h.size))
        for i, p in enumerate(h):
            H[3 * i : 3 * i + 3, 3 * i : 3 * i + 3] = np.linalg.pinv(np.diag(p) - np.outer(p, p)) / len(h)
    else:
        H = np.diag(1.0 / (h * (1.0 - h)).ravel()) / h.size
    G = J.T @ H @ J

    v = flat(product(model, loss_hessian(loss), x, tf.constant(y), s))
    np.testing.assert_allclose(v, G @ flat(s), rtol=1e-10, atol=1e-10 * np.abs(v).max())


@pytest.mark.parametrize("row", [LOSSES[0], LOSSES[1]], ids=["mse", "cross-entropy"])
def test_symmetric_and_positive(float64, row):
    _, _, labels, loss = row
    x, targets = tiny_data()
    y = tf.constant(targets if labels is None else labels)
    model = tiny_network()
    a, b = random_direction(model, 1), random_direction(model, 2)
    Ga, Gb = (flat(product(model, loss_hessian(loss), x, y, s)) for s in (a, b))
    assert flat(b) @ Ga == pytest.approx(flat(a) @ Gb, rel=1e-10)
    assert flat(a) @ Ga >= 0.0
    assert flat(b) @ Gb >= 0.0


def test_jacobian_and_its_transpose_are_adjoint(float64):
    """<u, Js> = <J'u, s>: with the identity for H, s'(J'J s) = |Js|^2."""
    x, _ = tiny_data()
    model = tiny_network()
    s = random_direction(model)
    J = dense_jacobian(model, x)
    v = flat(product(model, lambda y, h, z: z, x, tf.zeros(12), s))
    assert flat(s) @ v == pytest.approx(np.sum((J @ flat(s)) ** 2), rel=1e-12)
    u = np.random.default_rng(3).normal(size=J.shape[0])
    weights = [v.value for v in model.trainable_variables]
    _, _, Jtu = tf.function(
        lambda: gradient(
            lambda w: model.stateless_call(list(w), [], x)[0],
            [tf.convert_to_tensor(w) for w in weights],
            lambda h: tf.reduce_sum(tf.reshape(h, [-1]) * u),
        )
    )()
    assert u @ (J @ flat(s)) == pytest.approx(flat(Jtu) @ flat(s), rel=1e-12)


@pytest.mark.parametrize("micro_batch", [1, 5, 12, 40])
def test_micro_batches_change_nothing(float64, micro_batch):
    x, y = tiny_data()

    @tf.function
    def run(x, y):
        return over_micro_batches(
            lambda x, y: (2.0 * y, [tf.reduce_mean(x, 0), tf.reduce_mean(y**2)]), (x, y), micro_batch
        )

    outputs, (mean, square) = run(tf.constant(x), tf.constant(y))
    np.testing.assert_allclose(outputs, 2.0 * y)
    np.testing.assert_allclose(mean, x.mean(0), atol=1e-15)
    assert float(square) == pytest.approx((y**2).mean(), rel=1e-14)


def relu_network(seed=0):
    initial = (keras.initializers.GlorotUniform(seed=seed + i) for i in range(3))
    inputs = keras.Input((4, 12, 12, 1))
    h = inputs
    for filters in (4, 6):
        h = keras.layers.Conv3D(
            filters,
            3,
            padding="same",
            kernel_initializer=next(initial),
            bias_initializer=keras.initializers.Constant(0.1),
        )(h)
        h = keras.layers.MaxPool3D((1, 2, 2))(keras.layers.ReLU()(h))
    h = keras.layers.Dense(5, kernel_initializer=next(initial))(keras.layers.Flatten()(h))
    return keras.Model(inputs, h)


def finite_difference_product(model, x, s, step=1e-4):
    """J'(2/size) (h(w + e s) - h(w - e s)) / 2e, exact for a piecewise linear network away from its kinks."""
    weights = [tf.convert_to_tensor(v) for v in model.trainable_variables]

    @tf.function
    def reference():
        with tf.GradientTape() as tape:
            tape.watch(weights)
            h = model.stateless_call(weights, [], x)[0]
        ahead, behind = (
            model.stateless_call([w + sign * step * b for w, b in zip(weights, s, strict=True)], [], x)[0]
            for sign in (1.0, -1.0)
        )
        Js = (ahead - behind) / (2.0 * step)
        return tape.gradient(h, weights, 2.0 * Js / tf.cast(tf.size(h), Js.dtype))

    return flat(reference())


def test_max_pooling_products_are_right_where_traces_are_muted():
    """Muted inputs tie all of a pooling window (at the bias, above the ReLU's kink); the product must be right there.

    A difference quotient in float32 with steps of 1e-4, kinks crossed on the way included, is good to about 0.1 %;
    crediting every tied maximum, as `tape.jacobian` still does, is 37 % wrong.
    """
    x = np.random.default_rng(0).normal(size=(6, 4, 12, 12, 1)).astype("float32")
    x[:, :, ::3] = 0.0
    x[:, :, :, 8:] = 0.0
    model = relu_network()
    s = [0.1 * b.astype("float32") for b in random_direction(model)]
    v = flat(product(model, loss_hessian("mse"), x, tf.zeros((6, 5)), s))
    reference = finite_difference_product(model, tf.constant(x), s, 1e-4)
    assert np.linalg.norm(v - reference) < 5e-3 * np.linalg.norm(reference)


def test_xla_would_be_wrong_and_is_refused():
    """The trap itself, so that we learn when TensorFlow mends it, and the refusal that keeps users out of it."""
    x = tf.constant(np.random.default_rng(0).normal(size=(6, 4, 12, 12, 1)).astype("float32"))
    model = relu_network()
    s = [tf.constant(b.astype("float32")) for b in random_direction(model)]
    weights = [tf.convert_to_tensor(v) for v in model.trainable_variables]

    def product_of(jit):
        def run():
            return gauss_newton_product(
                lambda w: model.stateless_call(list(w), [], x)[0],
                weights,
                lambda h, z: 2.0 * z / tf.cast(tf.size(h), z.dtype),
                s,
            )[1]

        return flat(tf.function(run, jit_compile=jit)())

    exact, compiled = product_of(False), product_of(True)
    assert np.linalg.norm(compiled - exact) > 5e-4 * np.linalg.norm(exact)
    with pytest.raises(ValueError, match="XLA"):
        tiny_network().compile(optimizer=SQGN(), loss="mse", jit_compile=True)


@pytest.mark.parametrize(("micro_batch", "size", "expected"), [(None, 6, 1), (3, 6, 2), (3, 7, 2), (3, 2, 1)])
def test_a_static_batch_spares_the_product_a_backward_pass(micro_batch, size, expected):
    """What runs after TensorFlow's own optimizations, in a branch as in `train_step`: one pass back through conv 2.

    (In micro-batches one for the first, of what the others leave, and one in the loop over the others.)
    """
    model = relu_network()
    weights = [tf.convert_to_tensor(v) for v in model.trainable_variables]
    s = [tf.constant(b.astype("float32")) for b in random_direction(model)]

    def part(x, y):
        return gauss_newton_product(
            lambda w: model.stateless_call(list(w), [], x)[0], weights, lambda h, z: loss_hessian("mse")(y, h, z), s
        )

    def passes(samples):
        @tf.function(input_signature=[tf.TensorSpec((samples, 4, 12, 12, 1)), tf.TensorSpec((samples, 5))])
        def run(x, y):
            return tf.cond(
                tf.size(y) > 0,
                lambda: over_micro_batches(part, (x, y), micro_batch)[1],
                lambda: [tf.zeros_like(w) for w in weights],
            )

        context.context().enable_graph_collection()
        try:
            v = flat(run(tf.ones((size, 4, 12, 12, 1)), tf.zeros((size, 5))))
            graphs = context.context().export_run_metadata().partition_graphs
        finally:
            context.context().disable_graph_collection()
        return sum("Conv3DBackpropInput" in node.op for graph in graphs for node in graph.node), v

    (few, static), (many, dynamic) = passes(size), passes(None)
    assert few == expected
    assert many > few
    np.testing.assert_allclose(static, dynamic, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("loss", ["mae", "huber", "hinge", lambda y, h: h], ids=str)
def test_losses_without_a_known_hessian_are_refused(loss):
    with pytest.raises(ValueError, match="Hessian"):
        loss_hessian(loss)


def test_sums_over_the_batch_are_refused():
    with pytest.raises(ValueError, match="mean over the batch"):
        tiny_network().compile(optimizer=SQGN(), loss=keras.losses.MeanSquaredError(reduction="sum"))
