"""Gradient estimators: what Algorithm 1 of Thiele et al. (2021) uses as `g_k` in line 8.

With `g(w)` the gradient of the loss over the mini-batch S_k and w~ the weights at the last full gradient mu:

    none     g_k = g(w_k)                                         one gradient
    momentum g_k = g(w_k) + (1 - a) (g_{k-1} - g(w_k)), a = 1/2   one gradient
    svrg     g_k = g(w_k) - g(w~) + mu                            two, and a full gradient every K iterations
    cached   the same iterates; g(w~) is kept from the full pass  one, and the other mini-batches' every K iterations
    saga     g_k = g(w_k) - t_i + mean(t),  then t_i = g(w_k)     one, and a single full gradient at the start
    storm    g_k = g(w_k) + (1 - a) (g_{k-1} - g(w_{k-1}))        two, no full gradient, a = 1/10

(svrg: Johnson and Zhang 2013; saga: Defazio, Bach and Lacoste-Julien 2014, on mini-batches; storm: Cutkosky and
Orabona 2019.) `cached` and `saga` store one gradient per mini-batch, so they must know which one they are given: train
them on a `Partition`. Estimators keep their state in the optimizer's variables.

An estimator is a class of its own here, entered in `ESTIMATORS`; the rest of the folder asks it what it needs.
"""

from __future__ import annotations

import tensorflow as tf

from .keras_private import write_row
from .scaling import AddVariable
from .vectors import norm


class Plain:
    """`none`: the mini-batch's own gradient.

    Weights and gradients are vectors (m,). The full gradient is begun, added to by each mini-batch of the training
    set, and ended. With `stores_batches` the mini-batch under way is not among them: its gradient at these weights is
    what the iteration evaluates next, and what `observe` adds.

    `full_gradients` says whether the whole training set is passed over, `stores_batches` whether mini-batches must be
    known by their number, `fixed_batches` whether they must keep their samples from epoch to epoch.

    Raises ValueError for an `a` where there is none, or outside 0 to 1.
    """

    a = 0.0
    full_gradients = False
    stores_batches = False
    fixed_batches = False

    def __init__(self, a: float | None = None) -> None:
        if a is None:
            return
        if not self.a:
            raise ValueError(f"SQGN: this variance_reduction has no gradient_weight; it was given {a!r}.")
        if not 0.0 < a <= 1.0:
            raise ValueError(f"SQGN: gradient_weight={a!r} is out of range.")
        self.a = a

    def build(self, add: AddVariable, weights: int, batches: int | None) -> None:
        """Create the state for so many weights and mini-batches; `add(shape, name=...)` creates a variable."""

    def check(self, batches: int, interval: int | None) -> None:
        """Raise ValueError where full gradients every `interval` iterations do not fit epochs of `batches`."""

    def gradients(self, batches: int, interval: int) -> float:
        """Gradients of a mini-batch that an iteration costs, full gradients included."""
        return 1.0

    def full_gradient_due(self, iteration: int, interval: int) -> bool:
        """Whether the full gradient is to be evaluated before this iteration."""
        return False

    def begin_full_gradient(self, w: tf.Tensor) -> None:
        """Start a full gradient at these weights."""

    def add_to_full_gradient(self, batch: tf.Tensor, g: tf.Tensor, samples: tf.Tensor) -> None:
        """Add mini-batch number `batch` of so many samples with gradient g."""

    def end_full_gradient(self, samples: tf.Tensor) -> None:
        """The full gradient is that over so many samples."""

    def observe(self, batch: tf.Tensor, g: tf.Tensor, samples: tf.Tensor) -> None:
        """Take note of the gradient g at w_k of mini-batch number `batch` of so many samples."""

    def forget(self) -> None:
        """The weights were bad, and are taken back: so is what was learned of them."""

    def restart(self) -> None:
        """The weights are others altogether: nothing that was learned holds for them."""
        self.forget()

    def second_point(self) -> tf.Tensor | None:
        """The weights at which a second gradient of the mini-batch is wanted, or None."""
        return None

    def estimate(self, batch: tf.Tensor, w: tf.Tensor, g: tf.Tensor, g2: tf.Tensor | None) -> tf.Tensor:
        """Return g_k from the gradients of the mini-batch at w_k and at the second point."""
        return g


class _Snapshot(Plain):
    """A full gradient mu every K iterations; after a `forget` the estimate is the plain gradient until the next."""

    full_gradients = True

    def build(self, add: AddVariable, weights: int, batches: int | None) -> None:
        self.mu = add((weights,), name="full_gradient")
        self.valid = add((), name="snapshot_is_valid")

    def full_gradient_due(self, iteration: int, interval: int) -> bool:
        return iteration % interval == 0

    def begin_full_gradient(self, w: tf.Tensor) -> None:
        self.valid.assign(1.0)

    def forget(self) -> None:
        self.valid.assign(0.0)


class SVRG(_Snapshot):
    """`svrg`: lines 3 to 8 of Algorithm 1."""

    def gradients(self, batches: int, interval: int) -> float:
        return 2.0 + batches / interval

    def build(self, add: AddVariable, weights: int, batches: int | None) -> None:
        super().build(add, weights, batches)
        self.snapshot = add((weights,), name="snapshot")

    def begin_full_gradient(self, w: tf.Tensor) -> None:
        super().begin_full_gradient(w)
        self.snapshot.assign(w)
        self.mu.assign(tf.zeros_like(w))

    def add_to_full_gradient(self, batch: tf.Tensor, g: tf.Tensor, samples: tf.Tensor) -> None:
        self.mu.assign_add(tf.cast(samples, g.dtype) * g)

    def end_full_gradient(self, samples: tf.Tensor) -> None:
        self.mu.assign(self.mu / tf.cast(samples, self.mu.dtype))

    def second_point(self) -> tf.Tensor | None:
        return tf.convert_to_tensor(self.snapshot)

    def estimate(self, batch: tf.Tensor, w: tf.Tensor, g: tf.Tensor, g2: tf.Tensor | None) -> tf.Tensor:
        return tf.cond(self.valid > 0.0, lambda: g - g2 + self.mu, lambda: g)


class Cached(_Snapshot):
    """`cached`: SVRG whose snapshot gradients are kept from the full pass over the same partition."""

    stores_batches = True

    def check(self, batches: int, interval: int | None) -> None:
        if interval is not None and batches % interval:
            raise ValueError(f"full_gradient_interval={interval} must divide the {batches} mini-batches of an epoch.")

    def gradients(self, batches: int, interval: int) -> float:
        return 1.0 + (batches - 1) / interval

    def build(self, add: AddVariable, weights: int, batches: int | None) -> None:
        super().build(add, weights, batches)
        self.table = add((batches, weights), name="batch_gradients")
        self.samples = add((batches,), name="batch_samples")

    def begin_full_gradient(self, w: tf.Tensor) -> None:
        super().begin_full_gradient(w)
        self.samples.assign(tf.zeros_like(self.samples))

    def add_to_full_gradient(self, batch: tf.Tensor, g: tf.Tensor, samples: tf.Tensor) -> None:
        def add() -> tf.Operation:
            write_row(self.table, batch, g)
            write_row(self.samples, batch, tf.cast(samples, g.dtype))
            return tf.no_op()

        tf.cond(tf.math.is_finite(norm(g)), add, lambda: tf.no_op())

    def end_full_gradient(self, samples: tf.Tensor) -> None:
        """mu is the mean over the mini-batches with a finite gradient, so far without the one under way."""
        shares = tf.math.divide_no_nan(self.samples, tf.reduce_sum(self.samples))
        self.mu.assign(tf.linalg.matvec(self.table, shares, transpose_a=True))

    def observe(self, batch: tf.Tensor, g: tf.Tensor, samples: tf.Tensor) -> None:
        missing = (self.valid > 0.0) & (tf.convert_to_tensor(self.samples)[batch] == 0.0)
        tf.cond(missing, lambda: self._complete(batch, g, samples), lambda: tf.no_op())

    def _complete(self, batch: tf.Tensor, g: tf.Tensor, samples: tf.Tensor) -> tf.Operation:
        self.add_to_full_gradient(batch, g, samples)
        self.end_full_gradient(samples)
        return tf.no_op()

    def estimate(self, batch: tf.Tensor, w: tf.Tensor, g: tf.Tensor, g2: tf.Tensor | None) -> tf.Tensor:
        return tf.cond(self.valid > 0.0, lambda: g - tf.convert_to_tensor(self.table)[batch] + self.mu, lambda: g)


class SAGA(Cached):
    """`saga`: every mini-batch's latest gradient is kept, and mini-batches keep their samples."""

    fixed_batches = True

    def check(self, batches: int, interval: int | None) -> None:
        pass

    def gradients(self, batches: int, interval: int) -> float:
        return 1.0

    def full_gradient_due(self, iteration: int, interval: int) -> bool:
        return iteration == 0 or not float(tf.convert_to_tensor(self.valid))

    def forget(self) -> None:
        """Nothing: the table holds gradients at sound weights."""

    def restart(self) -> None:
        self.valid.assign(0.0)

    def estimate(self, batch: tf.Tensor, w: tf.Tensor, g: tf.Tensor, g2: tf.Tensor | None) -> tf.Tensor:
        change = g - tf.convert_to_tensor(self.table)[batch]
        g_k = change + self.mu
        share = tf.math.divide_no_nan(tf.convert_to_tensor(self.samples)[batch], tf.reduce_sum(self.samples))
        self.mu.assign_add(change * share)
        with tf.control_dependencies([change]):
            write_row(self.table, batch, g)
        return g_k


class Momentum(Plain):
    """`momentum`: the gradients so far, each but the first counting `1 - a` times as much as the next.

    a = 1/2 was the best of 0.1, 0.3, 0.5, 0.7 and 1 on tomography (docs/experiments.md).
    """

    a = 0.5

    def build(self, add: AddVariable, weights: int, batches: int | None) -> None:
        self.average = add((weights,), name="gradient_average")
        self.begun = add((), name="average_is_begun")

    def estimate(self, batch: tf.Tensor, w: tf.Tensor, g: tf.Tensor, g2: tf.Tensor | None) -> tf.Tensor:
        return self._follow(g, g, self.begun > 0.0)

    def restart(self) -> None:
        self.begun.assign(0.0)

    def _follow(self, g: tf.Tensor, before: tf.Tensor, going_on: tf.Tensor) -> tf.Tensor:
        """The average, led from `before` to g, or begun anew."""
        g_k = tf.cond(going_on, lambda: g + (1.0 - self.a) * (self.average - before), lambda: g)
        self.average.assign(g_k)
        self.begun.assign(1.0)
        return g_k


class STORM(Momentum):
    """`storm`: momentum corrected by the mini-batch's own gradient at the previous weights.

    The correction lets the average be long: a is a tenth, ten iterations, between SARAH's 0 (Nguyen et al. 2017), whose
    errors add up, and 1, the plain gradient. It was not tuned.
    """

    a = 0.1

    def gradients(self, batches: int, interval: int) -> float:
        return 2.0

    def build(self, add: AddVariable, weights: int, batches: int | None) -> None:
        super().build(add, weights, batches)
        self.previous = add((weights,), name="previous_weights")

    def second_point(self) -> tf.Tensor | None:
        return tf.convert_to_tensor(self.previous)

    def estimate(self, batch: tf.Tensor, w: tf.Tensor, g: tf.Tensor, g2: tf.Tensor | None) -> tf.Tensor:
        self.previous.assign(w)
        return self._follow(g, g2, (self.begun > 0.0) & tf.math.is_finite(norm(g2)))


ESTIMATORS: dict[str, type[Plain]] = {
    "none": Plain,
    "momentum": Momentum,
    "svrg": SVRG,
    "cached": Cached,
    "saga": SAGA,
    "storm": STORM,
}
