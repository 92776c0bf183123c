"""L-BFGS directions against the dense BFGS inverse and against the two-loop recursion."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from training.sqgn.lbfgs import History
from training.sqgn.scaling import SCALINGS

SIZES = (7, 3, 5)
SPLITS = np.cumsum(SIZES)[:-1]


def add(shape, dtype="float64", name=""):
    return keras.Variable(np.zeros(shape), dtype=dtype)


def history_of(length, scaling):
    return History(add, SIZES, length, SCALINGS[scaling](add, SIZES))


def push(history, s, v):
    history.push(*map(tf.constant, (s, v, s @ v, v @ v)))


def quadratic(seed=0):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(15, 15))
    return A @ A.T + np.diag(10.0 ** rng.uniform(-2, 2, 15)), rng


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


def common(pairs, gradients):
    return np.full(15, np.mean([(s @ v) / (v @ v) for s, v in pairs]))


def from_gradients(pairs, gradients):
    """Renewed with each of the first twenty gradients, and then with every twentieth, from the mean square so far."""
    seen = gradients if len(gradients) <= 20 else gradients[: 1 + (len(gradients) - 1) // 20 * 20]
    mean_square = np.mean(np.square(seen), axis=0)
    floors = [
        np.full(len(part), 0.01 * (part.mean() + 1e-6 * mean_square.mean())) for part in np.split(mean_square, SPLITS)
    ]
    return 0.1 / np.sqrt(mean_square + np.concatenate(floors))


@pytest.mark.parametrize(("scaling", "expected"), [("common", common), ("gradient", from_gradients)])
@pytest.mark.parametrize("count", [1, 3, 4, 11, 27])
def test_direction_equals_the_dense_inverse_and_the_two_loops(count, scaling, expected):
    G, rng = quadratic()
    history = history_of(4, scaling)
    pairs, gradients = [], []
    inverse_times = tf.function(history.inverse_times)
    for _ in range(count):
        s = rng.normal(size=15)
        pairs = [*pairs, (s, G @ s)][-4:]
        push(history, s, G @ s)
        g = rng.normal(size=15) * np.arange(1, 16)
        gradients.append(g)
        d, gamma = inverse_times(tf.constant(g))
    D = expected(pairs, gradients)
    np.testing.assert_allclose(d, dense_inverse(pairs, D) @ g, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(d, two_loops(pairs, D, g), rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(gamma, D.mean())


@pytest.mark.parametrize("block", [4, 5, 100])
def test_a_history_in_half_precision_is_exact_for_its_rounded_pairs(monkeypatch, block):
    """bfloat16, in blocks of 15 weights, of 4 and an odd one: the dense inverse of what is stored, in float64.

    To the pairs as they came it is within some percent, 2^-8 times the condition of the few pairs.
    """
    monkeypatch.setattr("training.sqgn.lbfgs.BLOCK", block)
    G, rng = quadratic()
    history = History(add, SIZES, 4, SCALINGS["common"](add, SIZES), "bfloat16")
    pairs, rounded = [], []
    for _ in range(7):
        s = rng.normal(size=15)
        pairs = [*pairs, (s, G @ s)][-4:]
        stored = [np.array(history.as_stored(tf.constant(a))) for a in (s, G @ s)]
        rounded = [*rounded, tuple(stored)][-4:]
        push(history, *stored)
    g = rng.normal(size=15)
    d, _ = tf.function(history.inverse_times)(tf.constant(g))
    np.testing.assert_allclose(d, dense_inverse(rounded, common(rounded, [])) @ g, rtol=1e-9, atol=1e-12)
    expected = dense_inverse(pairs, common(pairs, [])) @ g
    assert 1e-4 < np.linalg.norm(d - expected) / np.linalg.norm(expected) < 0.1


def test_without_pairs_the_direction_is_the_scaled_gradient():
    g = np.arange(15.0)
    d, gamma = history_of(4, "common").inverse_times(tf.constant(g))
    np.testing.assert_array_equal(d, g)
    np.testing.assert_array_equal(gamma, 1.0)
    d, _ = history_of(4, "gradient").inverse_times(tf.constant(g))
    np.testing.assert_allclose(d, from_gradients([], [g]) * g)


def test_idle_weights_and_variables_do_not_run_away():
    """Nor are they thrown about by rounding: a gradient of 1e-18 is no gradient."""
    g = np.concatenate([[0.0, *np.ones(6)], np.full(3, 1e-18), np.ones(5)])
    history = history_of(4, "gradient")
    d, _ = history.inverse_times(tf.constant(g))
    scaling = np.split(history.initial.times(tf.ones(15, tf.float64), None), SPLITS)
    assert scaling[0][0] <= 10.9 * scaling[0][1]
    assert np.all(scaling[1] <= 1.2e4 * scaling[0][1])
    assert np.all(np.abs(d[7:10]) < 1e-12)


def test_a_cleared_history_forgets():
    G, rng = quadratic()
    history = history_of(4, "common")
    for _ in range(6):
        s = rng.normal(size=15)
        push(history, s, G @ s)
        history.inverse_times(tf.constant(s))
    history.clear()
    g = rng.normal(size=15)
    np.testing.assert_array_equal(history.inverse_times(tf.constant(g))[0], g)
    s = rng.normal(size=15)
    push(history, s, G @ s)
    D = common([(s, G @ s)], [])
    d = history.inverse_times(tf.constant(g))[0]
    np.testing.assert_allclose(d, dense_inverse([(s, G @ s)], D) @ g, rtol=1e-10)


def test_newton_step_solves_a_quadratic_once_the_history_spans_it():
    """With 15 independent pairs of a 15-dimensional quadratic, conjugate to each other, B is the inverse."""
    G, _ = quadratic()
    history = history_of(15, "common")
    values, vectors = np.linalg.eigh(G)
    for i in range(15):
        push(history, vectors[:, i], values[i] * vectors[:, i])
        d, _ = history.inverse_times(tf.constant(G @ np.ones(15)))
    np.testing.assert_allclose(d, np.ones(15), rtol=1e-8)
