"""L-BFGS directions from a history of curvature pairs, without touching the history twice.

The inverse Hessian after the pairs `(s_i, v_i)`, oldest first, with an initial inverse Hessian `D = gamma P`, P
diagonal, is (Byrd, Nocedal and Schnabel 1994, equation 3.1, with D for gamma I)

    B = D + [S'  DV'] [ R^-T (E + V D V') R^-1   -R^-T ] [ S  ]
                      [ -R^-1                      0   ] [ VD ]

where the rows of S and V are the pairs, `R_ij = s_i'v_j` for i <= j, and `E = diag(s_i'v_i)`. It equals the two-loop
recursion (Schraudolph et al. 2007, algorithm 3), but needs the long vectors only for one set of inner products
with the gradient and one linear combination; the rest is algebra with L x L matrices in float64. Inner products
among the pairs are kept, and computed anew only when P is.

All weights are one vector (m,). The history is `2 L m` floats; L = 20 stores 40 copies of the network, and a direction
reads each of them three times.
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

    def learn(self, g: tf.Tensor) -> tf.Tensor:
        """Take a gradient (m,) into account; returns whether P has changed."""
        return tf.constant(False)

    def times(self, rows: tf.Tensor, columns: slice = slice(None)) -> tf.Tensor:
        """Rows (..., m), or some of their columns, times P."""
        return rows

    def gamma(self, sv: tf.Tensor, vPv: tf.Tensor, used: tf.Tensor) -> tf.Tensor:
        """The factor of P, from `s_i'v_i`, `v_i'P v_i` and 1.0 where there is a pair, all float64 (L,)."""
        count = tf.reduce_sum(used)
        ratio = tf.reduce_sum(used * tf.math.divide_no_nan(sv, vPv)) / tf.maximum(count, 1.0)
        return tf.where(count > 0, ratio, tf.ones_like(ratio))


class GradientScaling(CommonScaling):
    """The initial inverse Hessian `P = scale / sqrt(u + floor mean(u))`, u the running mean square of the gradient.

    The mean is over a variable's weights, plus `idle` times that over all: a weight that was idle so far has at most
    `1 / sqrt(floor)` times its variable's typical scaling, and a variable that was idle as a whole does not run away
    either. P is renewed in each of the first `interval` iterations, and then every `interval` iterations.
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
        self.seen = add((), dtype="int64", name="gradients_seen")

    def learn(self, g: tf.Tensor) -> tf.Tensor:
        seen = tf.convert_to_tensor(self.seen)
        share = 1.0 / tf.cast(tf.minimum(seen + 1, self.window), tf.float64)
        u = tf.convert_to_tensor(self.mean_square)
        u += (tf.square(g) - u) * tf.cast(share, g.dtype)
        self.mean_square.assign(u)
        self.seen.assign_add(1)
        renew = (seen < self.interval) | (seen % self.interval == 0)
        tf.cond(renew, lambda: self._renew(u), lambda: tf.no_op())
        return renew

    def _renew(self, u: tf.Tensor) -> tf.Operation:
        whole = tf.reduce_mean(u)
        floored = [part + self.floor * (tf.reduce_mean(part) + self.idle * whole) for part in tf.split(u, self.sizes)]
        self.diagonal.assign(self.scale * tf.math.divide_no_nan(1.0, tf.sqrt(tf.concat(floored, 0))))
        return tf.no_op()

    def times(self, rows: tf.Tensor, columns: slice = slice(None)) -> tf.Tensor:
        return rows * tf.convert_to_tensor(self.diagonal)[columns]

    def gamma(self, sv: tf.Tensor, vPv: tf.Tensor, used: tf.Tensor) -> tf.Tensor:
        return tf.ones((), tf.float64)


SCALINGS = {"common": CommonScaling, "gradient": GradientScaling}


def inverse_coefficients(
    SV: tf.Tensor, VPV: tf.Tensor, Sg: tf.Tensor, VPg: tf.Tensor, order: tf.Tensor, used: tf.Tensor, gamma: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Coefficients a and b, float64 (L,), with `B g = gamma P g + a S + gamma b V P`.

    `SV` and `VPV` (L, L) are inner products among the rows of S, V and V P; `Sg` and `VPg` (L,) theirs with g; `order`
    (L,) lists the slots from the oldest pair to the newest; `used` (L,) is 1.0 where a slot holds a pair.
    """
    used = tf.gather(used, order)
    both = used[:, None] * used[None, :]
    SV, VPV = (tf.gather(tf.gather(matrix, order, axis=0), order, axis=1) * both for matrix in (SV, VPV))
    Sg, VPg = (tf.gather(vector, order) * used for vector in (Sg, VPg))
    E = tf.linalg.diag_part(SV)
    R = tf.linalg.set_diag(tf.linalg.band_part(SV, 0, -1), tf.where(used > 0, E, tf.ones_like(E)))

    R_inv_Sg = tf.linalg.triangular_solve(R, Sg[:, None], lower=False)[:, 0]
    right = E * R_inv_Sg + gamma * (tf.linalg.matvec(VPV, R_inv_Sg) - VPg)
    a = tf.linalg.triangular_solve(R, right[:, None], lower=False, adjoint=True)[:, 0] * used
    slots = tf.math.invert_permutation(order)
    return tf.gather(a, slots), tf.gather(-R_inv_Sg * used, slots)


class History:
    """The last L curvature pairs `(s_i, v_i)`, in variables that the optimizer creates and saves.

    `add(shape, dtype=..., name=...)` creates a variable; `sizes` are the numbers of weights of the network's variables,
    which follow each other in every vector (m,); `scaling` is a key of `SCALINGS`, the initial inverse Hessian.
    Storage is `2 L m` floats, and two more per weight for "gradient".
    """

    columns = 2**20
    """Inner products of the whole history are taken over so many columns at a time, to need no copy of it."""

    def __init__(self, add: AddVariable, sizes: Sequence[int], length: int, scaling: str) -> None:
        self.length = length
        self.steps = add((length, sum(sizes)), name="steps")
        self.products = add((length, sum(sizes)), name="products")
        self.SV = add((length, length), dtype="float64", name="steps_times_products")
        self.VPV = add((length, length), dtype="float64", name="products_times_products")
        self.written = add((), dtype="int64", name="pairs_written")
        self.initial = SCALINGS[scaling](add, sizes)

    def clear(self) -> None:
        """Forget all pairs."""
        self.written.assign(tf.zeros_like(self.written))

    def push(self, s: tf.Tensor, v: tf.Tensor) -> tf.Operation:
        """Add a pair of vectors (m,), in place of the oldest one when the history is full."""
        slot = self.written % self.length
        write_row(self.steps, slot, s)
        write_row(self.products, slot, v)
        self.written.assign_add(1)
        return tf.no_op()

    def inverse_times(self, g: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return `B g` (m,) and `g'Dg / g'g`; P learns from g. Without pairs B is P."""
        L = self.length
        renewed = self.initial.learn(g)
        written = tf.convert_to_tensor(self.written)
        used = tf.cast(tf.range(L, dtype=written.dtype) < written, tf.float64)
        newest = (written - 1) % L
        S, V = tf.convert_to_tensor(self.steps), tf.convert_to_tensor(self.products)
        v = V[newest]
        Pv, Pg = self.initial.times(v), self.initial.times(g)

        SV = _with_column(tf.convert_to_tensor(self.SV), newest, _inner_products(S, v))
        VP_v = _inner_products(V, Pv)
        VPV = _with_column(tf.convert_to_tensor(self.VPV), newest, VP_v)
        VPV = _with_column(tf.transpose(VPV), newest, VP_v)
        VPV = tf.cond(renewed, lambda: self._all_products(V), lambda: VPV)
        self.SV.assign(SV)
        self.VPV.assign(VPV)

        gamma = self.initial.gamma(tf.linalg.diag_part(SV), tf.linalg.diag_part(VPV), used)
        order = (written + tf.range(L, dtype=written.dtype)) % L
        a, b = inverse_coefficients(SV, VPV, _inner_products(S, g), _inner_products(V, Pg), order, used, gamma)
        a, b, factor = (tf.cast(x, g.dtype) for x in (a, b, gamma))
        inner = factor * (g + tf.linalg.matvec(V, b, transpose_a=True))
        B_g = self.initial.times(inner) + tf.linalg.matvec(S, a, transpose_a=True)
        return B_g, tf.math.divide_no_nan(gamma * dot(g, Pg), dot(g, g))

    def _all_products(self, V: tf.Tensor) -> tf.Tensor:
        """The matrix `V P V'`, float64 (L, L)."""
        parts = [slice(start, start + self.columns) for start in range(0, V.shape[1], self.columns)]
        return tf.add_n(
            [
                tf.cast(tf.matmul(V[:, part], self.initial.times(V[:, part], part), transpose_b=True), tf.float64)
                for part in parts
            ]
        )


def write_row(matrix: Any, number: tf.Tensor, row: tf.Tensor) -> None:
    """Write one row of a matrix variable in place.

    A variable that was written in part is copied whenever it is read, from then on: that is switched off again, since
    nobody holds what was read before.
    """
    matrix.value.scatter_update(tf.IndexedSlices(row[None], number[None]))
    for variable in getattr(matrix.value, "values", [matrix.value]):
        tf.raw_ops.DisableCopyOnRead(resource=variable.handle)


def dot(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """The inner product of two vectors, float64."""
    return tf.cast(tf.reduce_sum(a * b), tf.float64)


def norm(a: tf.Tensor) -> tf.Tensor:
    """The Euclidean norm of a vector, float64."""
    return tf.sqrt(dot(a, a))


def _inner_products(rows: tf.Tensor, vector: tf.Tensor) -> tf.Tensor:
    """Inner products of every row of a history with a vector, float64 (L,)."""
    return tf.cast(tf.linalg.matvec(rows, vector), tf.float64)


def _with_column(matrix: tf.Tensor, number: tf.Tensor, column: tf.Tensor) -> tf.Tensor:
    return tf.where(tf.range(matrix.shape[1], dtype=number.dtype) == number, column[:, None], matrix)
