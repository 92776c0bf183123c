"""L-BFGS directions from a history of curvature pairs, in four passes over it, and a fifth when a pair is written.

With a diagonal initial inverse Hessian D, the inverse Hessian after the pairs `(s_i, v_i)`, oldest first, is (Byrd,
Nocedal and Schnabel 1994, equation 3.1, with D for gamma I, and factored)

    B = (I - S' R^-T V) D (I - V' R^-1 S) + S' R^-T E R^-1 S

where the rows of S and V are the pairs, `R_ij = s_i'v_j` for i <= j, and `E = diag(s_i'v_i)`. It equals the two-loop
recursion (Schraudolph et al. 2007, algorithm 3): `b = R^-1 S g` is what its first loop finds, `D (g - V'b)` what its
second loop starts from. But each loop is a product of a whole matrix with a vector, and what follows one from the
other is algebra with L x L matrices, in float64.

All weights are one vector (m,). The history is `2 L m` floats; L = 20 stores 40 copies of the network. A direction
reads S and V twice, and a new pair reads S once more, for its products with all `s_i`. Stored in bfloat16 it is half as
much: pairs are rounded to 8 bits before anything is computed of them, so that B is the exact inverse of these pairs,
positive definite as ever, and every product with them is in the weights' own precision, a block at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from .keras_private import write_row
from .scaling import AddVariable, CommonScaling


class History:
    """The last L curvature pairs `(s_i, v_i)`, in variables that the optimizer creates and saves.

    `add(shape, dtype=..., name=...)` creates a variable; `sizes` are the numbers of weights of the network's variables,
    which follow each other in every vector (m,); `initial` is the initial inverse Hessian D; `dtype` is what pairs are
    stored in, None for the precision of the weights.
    """

    def __init__(
        self, add: AddVariable, sizes: Sequence[int], length: int, initial: CommonScaling, dtype: str | None = None
    ) -> None:
        self.length = length
        self.initial = initial
        stored = {} if dtype is None else {"dtype": dtype}
        self.steps = add((length, sum(sizes)), name="steps", **stored)
        self.products = add((length, sum(sizes)), name="products", **stored)
        self.inner = add((length, length), dtype="float64", name="steps_times_products")
        self.squares = add((length,), dtype="float64", name="squared_products")
        self.written = add((), dtype="int64", name="pairs_written")

    def clear(self) -> None:
        """Forget all pairs."""
        self.written.assign(tf.zeros_like(self.written))

    def as_stored(self, vector: tf.Tensor) -> tf.Tensor:
        """A vector (m,) rounded as a row of the history is."""
        return tf.cast(tf.cast(vector, self.steps.dtype), vector.dtype)

    def push(self, s: tf.Tensor, v: tf.Tensor, sv: tf.Tensor, vv: tf.Tensor) -> tf.Operation:
        """Add a pair of vectors (m,), with `s'v` > 0 and `v'v`, in place of the oldest one when the history is full.

        They are what `as_stored` gives. The column of `inner`, all `s_i'v`, is written with them. (Rows of the new s
        with older v are never read: R is upper triangular in the order of age.)
        """
        slot = self.written % self.length
        newest = tf.range(self.length, dtype=slot.dtype) == slot
        column = tf.where(newest, sv, _rows_times(tf.convert_to_tensor(self.steps), v))
        self.inner.assign(tf.where(newest[None, :], column[:, None], self.inner))
        with tf.control_dependencies([column]):
            write_row(self.steps, slot, s)
            write_row(self.products, slot, v)
        write_row(self.squares, slot, vv)
        self.written.assign_add(1)
        return tf.no_op()

    def inverse_times(self, g: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return `B g` (m,) and the mean of D's diagonal; D learns from g. Without pairs B is D."""
        L = self.length
        self.initial.learn(g)
        written = tf.convert_to_tensor(self.written)
        S, V = tf.convert_to_tensor(self.steps), tf.convert_to_tensor(self.products)

        order = (written + tf.range(L, dtype=written.dtype)) % L  # from the oldest slot to the newest
        slots = tf.math.invert_permutation(order)
        used = tf.cast(order < written, tf.float64)
        SV = tf.gather(tf.gather(self.inner, order, axis=0), order, axis=1) * used[:, None] * used[None, :]
        E = tf.where(used > 0.0, tf.linalg.diag_part(SV), 1.0)
        R = tf.linalg.set_diag(tf.linalg.band_part(SV, 0, -1), E)
        gamma = self.initial.gamma(E, tf.gather(self.squares, order), used)

        Sg = tf.gather(_rows_times(S, g), order) * used
        b = tf.linalg.triangular_solve(R, Sg[:, None], lower=False)[:, 0]
        r = self.initial.times(g - _combination(V, tf.gather(b, slots), g.dtype), gamma)
        Vr = tf.gather(_rows_times(V, r), order) * used
        a = tf.linalg.triangular_solve(R, (E * b - Vr)[:, None], lower=False, adjoint=True)[:, 0]
        return r + _combination(S, tf.gather(a, slots), g.dtype), gamma


BLOCK = 65536
"""Weights of a block: L of them, twice, stay in the cache between being read in half precision and being used."""


def _rows_times(rows: tf.Tensor, vector: tf.Tensor) -> tf.Tensor:
    """Inner products of every row (m,) with a vector, float64 (L,)."""
    if rows.dtype == vector.dtype:
        return tf.cast(tf.linalg.matvec(rows, vector), tf.float64)

    def block(start: tf.Tensor | int, length: int) -> tf.Tensor:
        part = tf.cast(rows[:, start : start + length], vector.dtype)
        return tf.cast(tf.linalg.matvec(part, vector[start : start + length]), tf.float64)

    first, count = _blocks(rows)
    return tf.while_loop(
        lambda number, _: number < count,
        lambda number, sum_: (number + 1, sum_ + block(first + number * BLOCK, BLOCK)),
        (tf.constant(0), block(0, first)),
        parallel_iterations=1,
    )[1]


def _combination(rows: tf.Tensor, coefficients: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """The sum of all rows, each times its coefficient."""
    coefficients = tf.cast(coefficients, dtype)
    if rows.dtype == dtype:
        return tf.linalg.matvec(rows, coefficients, transpose_a=True)

    def block(start: tf.Tensor | int, length: int) -> tf.Tensor:
        return tf.linalg.matvec(tf.cast(rows[:, start : start + length], dtype), coefficients, transpose_a=True)

    first, count = _blocks(rows)
    if not count:
        return block(0, first)
    _, others = tf.while_loop(
        lambda number, _: number < count,
        lambda number, array: (number + 1, array.write(number, block(first + number * BLOCK, BLOCK))),
        (tf.constant(0), tf.TensorArray(dtype, count, element_shape=(BLOCK,))),
        parallel_iterations=1,
    )
    return tf.concat([block(0, first), others.concat()], 0)


def _blocks(rows: tf.Tensor) -> tuple[int, int]:
    """The length of a first, odd block, and the number of whole ones after it."""
    return rows.shape[1] % BLOCK, rows.shape[1] // BLOCK
