"""L-BFGS directions from a history of curvature pairs, without touching the history twice.

The inverse Hessian after the pairs `(s_i, v_i)`, oldest first, with an initial inverse Hessian `D = gamma P`, P
diagonal, is (Byrd, Nocedal and Schnabel 1994, equation 3.1, with D for gamma I)

    B = D + [S'  DV'] [ R^-T (E + V D V') R^-1   -R^-T ] [ S  ]
                      [ -R^-1                      0   ] [ VD ]

where the rows of S and V are the pairs, `R_ij = s_i'v_j` for i <= j, and `E = diag(s_i'v_i)`. It equals the two-loop
recursion (Schraudolph et al. 2007, algorithm 3), but needs the long vectors only for one set of inner products
with the gradient and one linear combination; the rest is algebra with L x L matrices in float64. Inner products
among the pairs are kept, and computed anew only when P is.

The history is `2 L m` floats for m weights; L = 20 stores 40 copies of the network, and a direction reads each of
them twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

Blocks = Sequence[tf.Tensor]
AddVariable = Callable[..., Any]


class CommonScaling:
    """The initial inverse Hessian `gamma I`, gamma the mean of `s'v / v'v` (Schraudolph et al. 2007, equation 14)."""

    def __init__(self, add: AddVariable, sizes: Sequence[int]) -> None:
        pass

    def learn(self, g: Blocks, sound: tf.Tensor) -> tf.Tensor:
        """Take a gradient into account if it is sound; returns whether P has changed."""
        return tf.constant(False)

    def times(self, block: tf.Tensor, variable: int) -> tf.Tensor:
        """P times a block (..., m_l) of a variable."""
        return block

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
        self.mean_square = [add((size,), name="mean_square") for size in sizes]
        self.diagonal = [add((size,), name="diagonal") for size in sizes]
        self.seen = add((), dtype="int64", name="gradients_seen")

    def learn(self, g: Blocks, sound: tf.Tensor) -> tf.Tensor:
        seen = tf.convert_to_tensor(self.seen)
        renew = sound & ((seen < self.interval) | (seen % self.interval == 0))
        count = tf.cast(tf.minimum(seen + 1, self.window), tf.float64)
        means = []
        for u, block in zip(self.mean_square, g, strict=True):
            mean = u + (tf.square(block) - u) / tf.cast(count, block.dtype)
            means.append(tf.where(sound, mean, u))
        whole = tf.add_n([tf.reduce_sum(mean) for mean in means]) / sum(mean.shape[0] for mean in means)
        for u, diagonal, mean in zip(self.mean_square, self.diagonal, means, strict=True):
            u.assign(mean)
            least = self.floor * (tf.reduce_mean(mean) + self.idle * whole)
            scaled = self.scale * tf.math.divide_no_nan(1.0, tf.sqrt(mean + least))
            diagonal.assign(tf.where(renew, scaled, diagonal))
        self.seen.assign_add(tf.cast(sound, tf.int64))
        return renew

    def times(self, block: tf.Tensor, variable: int) -> tf.Tensor:
        return block * self.diagonal[variable]

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

    `add(shape, dtype=..., name=...)` creates a variable; `scaling` is a key of `SCALINGS`, the initial inverse Hessian.
    Pairs and gradients are lists of flat blocks (m_l,), one per trainable variable; storage is `2 L m` floats, and two
    more per weight for "gradient".
    """

    def __init__(self, add: AddVariable, sizes: Sequence[int], length: int, scaling: str) -> None:
        self.length = length
        self.steps = [add((length, size), name="steps") for size in sizes]
        self.products = [add((length, size), name="products") for size in sizes]
        self.SV = add((length, length), dtype="float64", name="steps_times_products")
        self.VPV = add((length, length), dtype="float64", name="products_times_products")
        self.written = add((), dtype="int64", name="pairs_written")
        self.initial = SCALINGS[scaling](add, sizes)

    def clear(self, when: tf.Tensor) -> None:
        """Forget all pairs if `when` holds."""
        self.written.assign(tf.where(when, tf.zeros_like(self.written), self.written))

    def push(self, s: Blocks, v: Blocks) -> tf.Operation:
        """Add a pair, in place of the oldest one when the history is full."""
        slot = [self.written % self.length]
        for rows, block in zip([*self.steps, *self.products], [*s, *v], strict=True):
            rows.value.scatter_update(tf.IndexedSlices(block[None], slot))
        self.written.assign_add(1)
        return tf.no_op()

    def inverse_times(self, g: Blocks, sound: tf.Tensor | bool = True) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Return `B g` as a list of (m_l,), and `g'Dg / g'g`; P learns from g if it is sound. Without pairs B is P."""
        L = self.length
        renewed = self.initial.learn(g, tf.convert_to_tensor(sound))
        written = tf.convert_to_tensor(self.written)
        used = tf.cast(tf.range(L, dtype=written.dtype) < written, tf.float64)
        newest = (written - 1) % L
        steps = [tf.convert_to_tensor(rows) for rows in self.steps]
        products = [tf.convert_to_tensor(rows) for rows in self.products]
        v = [rows[newest] for rows in products]
        Pv, Pg = ([self.initial.times(block, i) for i, block in enumerate(blocks)] for blocks in (v, g))

        S_v, S_g = tf.unstack(_inner_products(steps, v, g))
        VP_v, VP_g = tf.unstack(_inner_products(products, Pv, Pg))
        SV = _with_column(tf.convert_to_tensor(self.SV), newest, S_v)
        VPV = _with_column(tf.convert_to_tensor(self.VPV), newest, VP_v)
        VPV = _with_column(tf.transpose(VPV), newest, VP_v)
        VPV = tf.cond(renewed, lambda: self._all_products(products), lambda: VPV)
        self.SV.assign(SV)
        self.VPV.assign(VPV)

        gamma = self.initial.gamma(tf.linalg.diag_part(SV), tf.linalg.diag_part(VPV), used)
        order = (written + tf.range(L, dtype=written.dtype)) % L
        a, b = inverse_coefficients(SV, VPV, S_g, VP_g, order, used, gamma)
        B_g = []
        for i, (block, S, V) in enumerate(zip(g, steps, products, strict=True)):
            c, d, factor = (tf.cast(x, block.dtype) for x in (a, b, gamma))
            inner = factor * (block + tf.linalg.matvec(V, d, transpose_a=True))
            B_g.append(self.initial.times(inner, i) + tf.linalg.matvec(S, c, transpose_a=True))
        return B_g, tf.math.divide_no_nan(gamma * dot(g, Pg), dot(g, g))

    def _all_products(self, products: Blocks) -> tf.Tensor:
        """The matrix `V P V'`, float64 (L, L)."""
        return tf.add_n(
            [
                tf.cast(tf.matmul(V, self.initial.times(V, i), transpose_b=True), tf.float64)
                for i, V in enumerate(products)
            ]
        )


def dot(a: Blocks, b: Blocks) -> tf.Tensor:
    """The inner product of two vectors in blocks, float64."""
    return tf.add_n([tf.cast(tf.reduce_sum(x * y), tf.float64) for x, y in zip(a, b, strict=True)])


def _inner_products(rows: Blocks, *vectors: Blocks) -> tf.Tensor:
    """Inner products of every row of a history with some vectors, float64 (vectors, L)."""
    return tf.add_n(
        [
            tf.cast(tf.matmul(tf.stack(columns), row, transpose_b=True), tf.float64)
            for row, *columns in zip(rows, *vectors, strict=True)
        ]
    )


def _with_column(matrix: tf.Tensor, number: tf.Tensor, column: tf.Tensor) -> tf.Tensor:
    return tf.where(tf.range(matrix.shape[1], dtype=number.dtype) == number, column[:, None], matrix)
