"""L-BFGS directions from a history of curvature pairs, without touching the history twice.

The inverse Hessian after the pairs `(s_i, v_i)`, oldest first, with an initial inverse Hessian `D` that is one
number per variable of the network, is (Byrd, Nocedal and Schnabel 1994, equation 3.1, with D for gamma I)

    B = D + [S'  DV'] [ R^-T (E + V D V') R^-1   -R^-T ] [ S  ]
                      [ -R^-1                      0   ] [ VD ]

where the rows of S and V are the pairs, `R_ij = s_i'v_j` for i <= j, and `E = diag(s_i'v_i)`. It equals the two-loop
recursion (Schraudolph et al. 2007, algorithm 3), but needs the long vectors only for one set of inner products
with the gradient and one linear combination; the rest is algebra with L x L matrices in float64. The inner
products among the pairs are kept per variable (`gram`), so that D may change from step to step.

The history is `2 L m` floats for m weights; L = 20 stores 40 copies of the network, and a direction reads each of
them twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

Blocks = Sequence[tf.Tensor]


def inner_products(pairs: Blocks, vectors: Sequence[Blocks]) -> tf.Tensor:
    """Inner products of every row of the history with some vectors, one set per variable.

    `pairs[l]` is (2L, m_l), the L steps above the L products of variable l; each vector is a list of (m_l,).
    Returns float64 (variables, 2L, number of vectors).
    """
    products = [
        tf.matmul(rows, tf.stack(columns), transpose_b=True) for rows, *columns in zip(pairs, *vectors, strict=True)
    ]
    return tf.cast(tf.stack(products), tf.float64)


def curvature_scaling(gram: tf.Tensor, used: tf.Tensor, per_variable: bool) -> tf.Tensor:
    """The diagonal D of the initial inverse Hessian, float64 (variables,).

    The common number is the mean of `s'v / v'v` over the history (Schraudolph et al. 2007, equation 14). With
    `per_variable` each variable has its own mean of `s_l'v_l / v_l'v_l`, never below the common one.

    `gram` is (variables, 2L, 2L), the inner products among the rows of the history; `used` is (L,), 1.0 where a
    slot holds a pair.
    """
    L = used.shape[0]
    sv = tf.linalg.diag_part(gram[:, :L, L:])
    vv = tf.linalg.diag_part(gram[:, L:, L:])
    count = tf.maximum(tf.reduce_sum(used), 1.0)

    def mean_ratio(numerator: tf.Tensor, denominator: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(used * tf.math.divide_no_nan(numerator, denominator), -1) / count

    common = mean_ratio(tf.reduce_sum(sv, 0), tf.reduce_sum(vv, 0))
    if per_variable:
        return tf.maximum(mean_ratio(sv, vv), common)
    return tf.repeat(common, gram.shape[0])


def inverse_coefficients(
    gram: tf.Tensor, dots: tf.Tensor, order: tf.Tensor, used: tf.Tensor, scaling: tf.Tensor
) -> tf.Tensor:
    """Coefficients c, float64 (variables, 2L), with `(B g)_l = scaling_l g_l + c_l @ pairs_l`.

    `gram` as above; `dots` (variables, 2L) are the inner products of the history's rows with g; `order` (L,)
    lists the slots from the oldest pair to the newest; `used` (L,) is 1.0 where a slot holds a pair.
    """
    L = used.shape[0]
    chronological = tf.gather(used, order)
    both = chronological[:, None] * chronological[None, :]
    rows = tf.concat([order, order + L], 0)
    gram = tf.gather(tf.gather(gram, rows, axis=1), rows, axis=2)
    dots = tf.gather(dots, rows, axis=1)

    SV = tf.reduce_sum(gram[:, :L, L:], 0) * both
    VDV = tf.einsum("l,lij->ij", scaling, gram[:, L:, L:]) * both
    Sg = tf.reduce_sum(dots[:, :L], 0) * chronological
    VDg = tf.einsum("l,li->i", scaling, dots[:, L:]) * chronological
    E = tf.linalg.diag_part(SV)
    R = tf.linalg.set_diag(tf.linalg.band_part(SV, 0, -1), tf.where(chronological > 0, E, tf.ones_like(E)))

    R_inv_Sg = tf.linalg.triangular_solve(R, Sg[:, None], lower=False)[:, 0]
    right = E * R_inv_Sg + tf.linalg.matvec(VDV, R_inv_Sg) - VDg
    of_steps = tf.linalg.triangular_solve(R, right[:, None], lower=False, adjoint=True)[:, 0] * chronological
    of_products = -R_inv_Sg * chronological

    oldest_first = tf.concat(
        [tf.repeat(of_steps[None], scaling.shape[0], 0), scaling[:, None] * of_products[None]], axis=1
    )
    return tf.gather(oldest_first, tf.math.invert_permutation(rows), axis=1)


def apply_inverse(pairs: Blocks, g: Blocks, coefficients: tf.Tensor, scaling: tf.Tensor) -> list[tf.Tensor]:
    """The vector `B g` from its coefficients, a list of (m_l,)."""
    return [
        tf.cast(gamma, block.dtype) * block + tf.linalg.matvec(rows, tf.cast(c, rows.dtype), transpose_a=True)
        for rows, block, c, gamma in zip(pairs, g, tf.unstack(coefficients), tf.unstack(scaling), strict=True)
    ]


class History:
    """The last L curvature pairs `(s_i, v_i)`, in variables that the optimizer creates and saves.

    `add(shape, dtype=..., name=...)` creates a variable. Pairs and gradients are lists of flat blocks (m_l,), one per
    trainable variable; storage is `2 L m` floats.
    """

    def __init__(self, add: Callable[..., Any], sizes: Sequence[int], length: int, per_variable: bool) -> None:
        self.length = length
        self.per_variable = per_variable
        self.pairs = [add((2 * length, size), name="history") for size in sizes]
        self.gram = add((len(sizes), 2 * length, 2 * length), dtype="float64", name="gram")
        self.written = add((), dtype="int64", name="pairs_written")

    def clear(self, when: tf.Tensor) -> None:
        """Forget all pairs if `when` holds."""
        self.written.assign(tf.where(when, tf.zeros_like(self.written), self.written))

    def push(self, s: Blocks, v: Blocks) -> tf.Operation:
        """Add a pair, in place of the oldest one when the history is full."""
        slot = self.written % self.length
        rows = tf.stack([slot, slot + self.length])
        for block, a, b in zip(self.pairs, s, v, strict=True):
            block.value.scatter_update(tf.IndexedSlices(tf.stack([a, b]), rows))
        self.written.assign_add(1)
        return tf.no_op()

    def inverse_times(self, g: Blocks) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Return `B g` as a list of (m_l,), and the scaling D; without pairs B is the identity."""
        L = self.length
        written = tf.convert_to_tensor(self.written)
        used = tf.cast(tf.range(L, dtype=written.dtype) < written, tf.float64)
        newest = (written - 1) % L
        rows = tf.stack([newest, newest + L])
        pairs = [tf.convert_to_tensor(block) for block in self.pairs]

        latest = [tf.gather(block, rows) for block in pairs]
        s, v = [block[0] for block in latest], [block[1] for block in latest]
        dots = inner_products(pairs, [s, v, g])
        gram = _with_rows(tf.convert_to_tensor(self.gram), rows, dots[..., :2])
        self.gram.assign(gram)

        scaling = curvature_scaling(gram, used, self.per_variable)
        scaling = tf.where(written > 0, scaling, tf.ones_like(scaling))
        order = (written + tf.range(L, dtype=written.dtype)) % L
        coefficients = inverse_coefficients(gram, dots[..., 2], order, used, scaling)
        return apply_inverse(pairs, g, coefficients, scaling), scaling


def _with_rows(gram: tf.Tensor, rows: tf.Tensor, products: tf.Tensor) -> tf.Tensor:
    """Replace these rows of each (2L, 2L) matrix, and the columns of the same numbers, by products (2L, rows)."""
    chosen = tf.one_hot(rows, gram.shape[-1], dtype=gram.dtype)
    mask = tf.reduce_sum(chosen, 0) > 0
    columns = tf.matmul(products, chosen)
    gram = tf.where(mask[:, None], tf.linalg.matrix_transpose(columns), gram)
    return tf.where(mask[None, :], columns, gram)
