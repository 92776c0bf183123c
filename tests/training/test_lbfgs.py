"""L-BFGS directions against the dense BFGS inverse and against the two-loop recursion."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from training.lbfgs import History

SIZES = (7, 3, 5)
SPLITS = np.cumsum(SIZES)[:-1]


def add(shape, dtype="float64", name=""):
    return _Variable(tf.Variable(tf.zeros(shape, dtype)))


class _Variable:
    """The part of a Keras variable that the history uses."""

    def __init__(self, value):
        self.value = value
        self.assign = value.assign
        self.assign_add = value.assign_add

    def __tf_tensor__(self, dtype=None, name=None):
        return tf.convert_to_tensor(self.value)

    def __mod__(self, other):
        return self.value % other


def quadratic(seed=0):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(15, 15))
    return A @ A.T + np.diag(10.0 ** rng.uniform(-2, 2, 15)), rng


def blocks(vector):
    return [tf.constant(b) for b in np.split(vector, SPLITS)]


def dense_inverse(pairs, D):
    """Materialised: B+ = (I - rho s v') B (I - rho v s') + rho s s' (Nocedal and Wright 2006, equation 6.17)."""
    B = np.diag(D)
    for s, v in pairs:
        rho = 1.0 / (s @ v)
        left = np.eye(len(s)) - rho * np.outer(s, v)
        B = left @ B @ left.T + rho * np.outer(s, s)
    return B


def two_loops(pairs, D, g):
    """Schraudolph et al. 2007, algorithm 3."""
    q, alphas = g.copy(), []
    for s, v in reversed(pairs):
        alpha = (s @ q) / (s @ v)
        q -= alpha * v
        alphas.append(alpha)
    q = D * q
    for (s, v), alpha in zip(pairs, reversed(alphas), strict=True):
        q += (alpha - (v @ q) / (s @ v)) * s
    return q


def expected_scaling(pairs, per_variable):
    common = np.mean([(s @ v) / (v @ v) for s, v in pairs])
    if not per_variable:
        return np.full(15, common)
    own = [
        np.mean([(a @ b) / (b @ b) for a, b in ((np.split(s, SPLITS)[i], np.split(v, SPLITS)[i]) for s, v in pairs)])
        for i in range(len(SIZES))
    ]
    return np.repeat(np.maximum(own, common), SIZES)


@pytest.mark.parametrize("per_variable", [False, True])
@pytest.mark.parametrize("count", [1, 3, 4, 11])
def test_direction_equals_the_dense_inverse_and_the_two_loops(count, per_variable):
    G, rng = quadratic()
    history = History(add, SIZES, 4, per_variable)
    pairs = []
    inverse_times = tf.function(history.inverse_times)
    for _ in range(count):
        s = rng.normal(size=15)
        pairs = [*pairs, (s, G @ s)][-4:]
        history.push(blocks(s), blocks(G @ s))
        g = rng.normal(size=15)
        d, _ = inverse_times(blocks(g))
    D = expected_scaling(pairs, per_variable)
    d = np.concatenate(d)
    np.testing.assert_allclose(d, dense_inverse(pairs, D) @ g, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(d, two_loops(pairs, D, g), rtol=1e-8, atol=1e-10)


def test_without_pairs_the_direction_is_the_gradient():
    history = History(add, SIZES, 4, True)
    g = np.arange(15.0)
    d, scaling = history.inverse_times(blocks(g))
    np.testing.assert_array_equal(np.concatenate(d), g)
    np.testing.assert_array_equal(scaling, 1.0)


def test_a_cleared_history_forgets():
    G, rng = quadratic()
    history = History(add, SIZES, 4, False)
    for _ in range(6):
        s = rng.normal(size=15)
        history.push(blocks(s), blocks(G @ s))
        history.inverse_times(blocks(s))
    history.clear(tf.constant(True))
    g = rng.normal(size=15)
    np.testing.assert_array_equal(np.concatenate(history.inverse_times(blocks(g))[0]), g)
    s = rng.normal(size=15)
    history.push(blocks(s), blocks(G @ s))
    D = expected_scaling([(s, G @ s)], False)
    d = np.concatenate(history.inverse_times(blocks(g))[0])
    np.testing.assert_allclose(d, dense_inverse([(s, G @ s)], D) @ g, rtol=1e-10)


def test_newton_step_solves_a_quadratic_once_the_history_spans_it():
    """With 15 independent pairs of a 15-dimensional quadratic, conjugate to each other, B is the inverse."""
    G, _ = quadratic()
    history = History(add, SIZES, 15, False)
    values, vectors = np.linalg.eigh(G)
    for i in range(15):
        history.push(blocks(vectors[:, i]), blocks(values[i] * vectors[:, i]))
        d, _ = history.inverse_times(blocks(G @ np.ones(15)))
    np.testing.assert_allclose(np.concatenate(d), np.ones(15), rtol=1e-8)
