"""L-BFGS directions from a history of curvature pairs, in five passes over it.

With a diagonal initial inverse Hessian D, the inverse Hessian after the pairs `(s_i, v_i)`, oldest first, is (Byrd,
Nocedal and Schnabel 1994, equation 3.1, with D for gamma I, and factored)

    B = (I - S' R^-T V) D (I - V' R^-1 S) + S' R^-T E R^-1 S

where the rows of S and V are the pairs, `R_ij = s_i'v_j` for i <= j, and `E = diag(s_i'v_i)`. It equals the two-loop
recursion (Schraudolph et al. 2007, algorithm 3): `b = R^-1 S g` is what its first loop finds, `D (g - V'b)` what its
second loop starts from. But each loop is a product of a whole matrix with a vector, and what follows one from the
other is algebra with L x L matrices, in float64.

All weights are one vector (m,). The history is `2 L m` floats; L = 20 stores 40 copies of the network, and a direction
reads S three times and V twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

AddVariable = Callable[..., Any]


class CommonScaling:
    """The initial inverse Hessian `gamma I`, gamma the mean of `s'v / v'v` (Schraudolph et al. 2007, equation 14)."""

    def __init__(self, add: AddVariable, sizes: Sequence[int]) -> None:
        pass

    def learn(self, g: tf.Tensor) -> None:
        """Take a gradient (m,) into account."""

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
    """

    scale = 0.1
    floor = 0.01
    idle = 1e-6
    window = 100
    interval = 20

    def __init__(self, add: AddVariable, sizes: Sequence[int]) -> None:
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


SCALINGS = {"common": CommonScaling, "gradient": GradientScaling}


class History:
    """The last L curvature pairs `(s_i, v_i)`, in variables that the optimizer creates and saves.

    `add(shape, dtype=..., name=...)` creates a variable; `sizes` are the numbers of weights of the network's variables,
    which follow each other in every vector (m,); `scaling` is a key of `SCALINGS`, the initial inverse Hessian.
    Storage is `2 L m` floats, and two more per weight for "gradient".
    """

    def __init__(self, add: AddVariable, sizes: Sequence[int], length: int, scaling: str) -> None:
        self.length = length
        self.steps = add((length, sum(sizes)), name="steps")
        self.products = add((length, sum(sizes)), name="products")
        self.inner = add((length, length), dtype="float64", name="steps_times_products")
        self.curvatures = add((length,), dtype="float64", name="step_times_product")
        self.squares = add((length,), dtype="float64", name="squared_products")
        self.written = add((), dtype="int64", name="pairs_written")
        self.initial = SCALINGS[scaling](add, sizes)

    def clear(self) -> None:
        """Forget all pairs."""
        self.written.assign(tf.zeros_like(self.written))

    def push(self, s: tf.Tensor, v: tf.Tensor, sv: tf.Tensor, vv: tf.Tensor) -> tf.Operation:
        """Add a pair of vectors (m,), with `s'v` > 0 and `v'v`, in place of the oldest one when the history is full."""
        slot = self.written % self.length
        write_row(self.steps, slot, s)
        write_row(self.products, slot, v)
        write_row(self.curvatures, slot, sv)
        write_row(self.squares, slot, vv)
        self.written.assign_add(1)
        return tf.no_op()

    def inverse_times(self, g: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return `B g` (m,) and the mean of D's diagonal; D learns from g. Without pairs B is D."""
        L = self.length
        self.initial.learn(g)
        written = tf.convert_to_tensor(self.written)
        S, V = tf.convert_to_tensor(self.steps), tf.convert_to_tensor(self.products)
        newest = tf.range(L, dtype=written.dtype) == (written - 1) % L
        SV = tf.where(newest, _rows_times(S, V[(written - 1) % L])[:, None], self.inner)
        self.inner.assign(SV)

        order = (written + tf.range(L, dtype=written.dtype)) % L  # from the oldest slot to the newest
        slots = tf.math.invert_permutation(order)
        used = tf.cast(order < written, tf.float64)
        E = tf.where(used > 0.0, tf.gather(self.curvatures, order), 1.0)
        SV = tf.gather(tf.gather(SV, order, axis=0), order, axis=1) * used[:, None] * used[None, :]
        R = tf.linalg.set_diag(tf.linalg.band_part(SV, 0, -1), E)
        gamma = self.initial.gamma(E, tf.gather(self.squares, order), used)

        Sg = tf.gather(_rows_times(S, g), order) * used
        b = tf.linalg.triangular_solve(R, Sg[:, None], lower=False)[:, 0]
        r = self.initial.times(g - _combination(V, tf.gather(b, slots)), gamma)
        Vr = tf.gather(_rows_times(V, r), order) * used
        a = tf.linalg.triangular_solve(R, (E * b - Vr)[:, None], lower=False, adjoint=True)[:, 0]
        return r + _combination(S, tf.gather(a, slots)), gamma


def write_row(matrix: Any, number: tf.Tensor, row: tf.Tensor) -> None:
    """Write one row of a matrix variable in place.

    TensorFlow copies a variable that was written in part whenever it is read, from then on; that is switched off again.
    Now it is the write that copies all, if somebody still holds what was read: let the write come after all uses.
    """
    matrix.value.scatter_update(tf.IndexedSlices(row[None], number[None]))
    for variable in tf.distribute.get_strategy().experimental_local_results(matrix.value):
        tf.raw_ops.DisableCopyOnRead(resource=variable.handle)


def dot(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """The inner product of two vectors, float64."""
    return tf.cast(tf.reduce_sum(a * b), tf.float64)


def norm(a: tf.Tensor) -> tf.Tensor:
    """The Euclidean norm of a vector, float64."""
    return tf.sqrt(dot(a, a))


def _rows_times(rows: tf.Tensor, vector: tf.Tensor) -> tf.Tensor:
    """Inner products of every row (m,) with a vector, float64 (L,)."""
    return tf.cast(tf.linalg.matvec(rows, vector), tf.float64)


def _combination(rows: tf.Tensor, coefficients: tf.Tensor) -> tf.Tensor:
    """The sum of all rows, each times its coefficient."""
    return tf.linalg.matvec(rows, tf.cast(coefficients, rows.dtype), transpose_a=True)
