"""SQGN, the stochastic quasi-Gauss-Newton method of Thiele, Araya-Polo and Hohl (2021), for Keras models.

    model = SecondOrderModel(inputs, outputs)
    model.compile(optimizer=SQGN(), loss=..., metrics=[...])
    model.fit(x, y, batch_size=100, epochs=100)

Algorithm 1 in short: a gradient estimate g_k from a mini-batch S_k; the direction `d_k = -B g_k` with B the L-BFGS
inverse of the curvature pairs so far; a step `s_k = alpha d_k`; and a new pair `(s_k, v_k)` with the Gauss-Newton
product `v_k = (J'HJ + lambda I) s_k` on T_k, a part of S_k, at the new weights.

The defaults differ from the paper's settings (`SQGN.reference()`) in three things. The initial inverse Hessian is a
diagonal from the gradient's mean square instead of one number, so that layers and weights whose curvatures are
thousands of times apart move from the first iteration on. The length of a step has a limit, which grows while the next
mini-batch's gradient still points down a step that it cut short, and shrinks, half as fast, when it points back.
Sampling is cheaper: momentum, in which each gradient counts half as much as the next, in place of SVRG, and a quarter
of S_k for T_k. What was tried for them is in docs/experiments.md.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from .diagnostics import Diagnostics
from .estimators import ESTIMATORS
from .falling import FALLING, FallingRate
from .gauss_newton import PRODUCT_COST
from .hyper_parameters import check, refuse_options
from .keras_private import averages, trained_variables
from .lbfgs import History
from .moving import average, move
from .safeguard import BROKEN, RUINED, SOUND, Safeguard
from .scaling import CommonScaling, GradientScaling
from .vectors import assign, dot, norm, vector_of


@keras.saving.register_keras_serializable(package="sqgn")
class SQGN(keras.optimizers.Optimizer):
    """The optimizer of Algorithm 1; it needs a `SecondOrderModel`, which evaluates its curvature.

    >>> import keras, numpy as np
    >>> from training.sqgn import SQGN, SecondOrderModel
    >>> x = np.random.default_rng(0).normal(size=(200, 4))
    >>> inputs = keras.Input((4,))
    >>> model = SecondOrderModel(inputs, keras.layers.Dense(1)(keras.layers.Dense(8, "tanh")(inputs)))
    >>> model.compile(optimizer=SQGN(), loss="mse")
    >>> history = model.fit(x, np.sin(x.sum(1)), batch_size=50, epochs=20, verbose=0).history
    >>> history["loss"][-1] < 0.5 * history["loss"][0]
    True

    Args:
        learning_rate: alpha, a float or a Keras schedule.
        history: L, the number of curvature pairs kept; 0 for a method of first order. Memory is `2 L m` floats for m
            weights; the "gradient" scaling takes two more a weight, the safeguard two, "momentum" one, "svrg" and
            "storm" two, "cached" and "saga" one and one more per mini-batch.
        regularization: lambda, added to the Gauss-Newton matrix.
        curvature_interval: M; a curvature pair is made every M-th iteration.
        curvature_fraction: |T_k| / |S_k|, the part of the mini-batch that the product is taken over.
        variance_reduction: "none", "momentum", "svrg", "cached", "saga" or "storm" (see `estimators`).
        full_gradient_interval: K, iterations between full gradients; None for an epoch.
        first_step: the factor of the very first step.
        max_step: the largest Euclidean norm of a step; None for no limit. With the safeguard it is where the limit
            starts from.
        scaling: the initial inverse Hessian: "gradient" for a diagonal from the gradient's running mean square,
            "common" for the paper's single gamma (see `scaling`).
        safeguard: watch each step from the next mini-batch (see `safeguard`). While its gradient still points down a
            step that the limit cut short, the limit grows; when it points back, the limit shrinks. When its loss
            explodes, the last sound weights are restored, a snapshot is forgotten, and the limit becomes half the
            length of what led astray, or, where it cannot be less, the history is forgotten. A training whose weights
            are set from outside begins anew.
        batches_per_epoch: known to `fit`; part of the configuration because the state of "cached" and "saga" has
            that many rows.
        gradient_weight: a, what the newest gradient counts in "momentum" and "storm"; None for 1/2 and 1/10.
        scale, floor, window: of the "gradient" scaling (see `GradientScaling`).
        explosion, growth, shrinkage: of the safeguard (see `Safeguard`).
        history_dtype: "bfloat16" stores the pairs in half the memory; None in the weights' own precision.
        weight_decay: decoupled, as in AdamW: beside the step, weights shrink by this part times alpha. It enters
            neither gradients nor curvature pairs. `exclude_from_weight_decay` is Keras's.
        use_ema, ema_momentum: keep a moving average of the weights, which `fit` puts in their place at its end.

    Raises ValueError for a hyper-parameter out of its range, and for Keras's options that do not fit the method.
    """

    def __init__(
        self,
        learning_rate: Any = 0.1,
        history: int = 20,
        regularization: float = 0.1,
        curvature_interval: int = 1,
        curvature_fraction: float = 0.25,
        variance_reduction: str = "momentum",
        full_gradient_interval: int | None = None,
        first_step: float = 1e-7,
        max_step: float | None = 1.0,
        scaling: str = "gradient",
        safeguard: bool = True,
        batches_per_epoch: int | None = None,
        name: str = "sqgn",
        *,
        gradient_weight: float | None = None,
        scale: float = 0.1,
        floor: float = 0.01,
        window: int = 100,
        explosion: float = 10.0,
        growth: float = 1.05,
        shrinkage: float = 0.5,
        history_dtype: str | None = None,
        weight_decay: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        **options: Any,
    ) -> None:
        refuse_options(options)
        check(locals())
        super().__init__(
            float(learning_rate) if isinstance(learning_rate, int) else learning_rate,
            weight_decay=weight_decay, use_ema=use_ema, ema_momentum=ema_momentum, name=name,
        )  # fmt: skip
        self.history = history
        self.regularization = regularization
        self.curvature_interval = curvature_interval
        self.curvature_fraction = curvature_fraction
        self.variance_reduction = variance_reduction
        self.full_gradient_interval = full_gradient_interval
        self.first_step, self.max_step = first_step, max_step
        self.scaling = scaling
        self.safeguard = safeguard
        self.batches_per_epoch = batches_per_epoch
        self.gradient_weight, self.scale, self.floor, self.window = gradient_weight, scale, floor, window
        self.explosion, self.growth, self.shrinkage = explosion, growth, shrinkage
        self.history_dtype = history_dtype
        self.estimator = ESTIMATORS[variance_reduction](gradient_weight)

    @classmethod
    def reference(cls, **changes: Any) -> SQGN:
        """Algorithm 1 with the paper's hyper-parameters, to the letter; `changes` replace some of them."""
        paper = {
            "learning_rate": 0.1, "history": 20, "regularization": 0.1, "curvature_interval": 1,
            "curvature_fraction": 1.0, "variance_reduction": "svrg", "full_gradient_interval": None,
            "first_step": 1e-7, "max_step": None, "scaling": "common", "safeguard": False,
        }  # fmt: skip
        return cls(**{**paper, **changes})

    @classmethod
    def falling(cls, iterations: int | None = None, learning_rate: float = 0.3, **changes: Any) -> SQGN:
        """For a training that has an end: alpha falls along a cosine to zero; `changes` to that, and to `FALLING`.

        Over so many iterations, or over the epochs of each `fit` (see `FallingRate`).
        """
        return cls(FallingRate(learning_rate, iterations), **{**FALLING, **changes})

    @property
    def lacks_batches(self) -> bool:
        """Whether the number of mini-batches must be known, and is not."""
        return self.estimator.stores_batches and self.batches_per_epoch is None

    def gradients_per_iteration(self, batches: int) -> float:
        """What an iteration costs in gradients of a mini-batch, in epochs of so many."""
        gradients = self.estimator.gradients(batches, self.full_gradient_interval or batches)
        return gradients + (PRODUCT_COST * self.curvature_fraction / self.curvature_interval if self.history else 0.0)

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Create the state for these trainable variables."""
        if self.built:
            if list(map(id, variables)) != list(map(id, trained_variables(self))):
                raise ValueError("This SQGN was built for other trainable variables: make a new one.")
            return
        if not variables:
            raise ValueError("The model has no trainable variables: SQGN has nothing to train.")
        if self.lacks_batches:
            raise ValueError(
                f"Variance reduction {self.variance_reduction!r} must know the number of mini-batches: pass "
                "batches_per_epoch, or let fit() build the optimizer."
            )
        super().build(variables)
        sizes = [int(np.prod(v.shape)) for v in variables]
        add = functools.partial(self.add_variable, dtype=variables[0].dtype)
        initial: CommonScaling = (
            GradientScaling(add, sizes, self.scale, self.floor, self.window)
            if self.scaling == "gradient"
            else CommonScaling(add, sizes)
        )
        self.pairs = History(add, sizes, max(1, self.history), initial, self.history_dtype)
        self.estimator.build(add, sum(sizes), self.batches_per_epoch)
        watch = (self.max_step, self.explosion, self.growth, self.shrinkage)
        self.guard = Safeguard(add, variables, *watch) if self.safeguard else None
        self.diagnostics = Diagnostics(self.add_variable)

    def advance(
        self,
        samples: tf.Tensor,
        loss: tf.Tensor,
        w: Sequence[tf.Tensor],
        g: tf.Tensor,
        g2: tf.Tensor | None,
        kept_loss: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Lines 8 to 16: from the gradients of a mini-batch to the step s_k (m,), which is applied and returned.

        To be called once per iteration, across replicas, with the mini-batch's number of samples, the weights w of
        each variable, the loss and the gradient (m,) there and, where the gradient estimator wants it, the gradient at
        its second point. With the safeguard, `kept_loss` is the mini-batch's loss at the kept weights; it is read where
        `guard.doubts` the loss.
        """
        guard = self.guard
        if guard is None:
            s = self._step(samples, w, g, g2, tf.constant(False))
        else:
            doubtful = guard.doubts(loss, g)
            verdict = guard.verdict(doubtful, loss, g, loss if kept_loss is None else kept_loss)
            self.diagnostics.note(rollbacks=verdict == RUINED, batches_skipped=verdict == BROKEN)
            ways = {
                SOUND: lambda: self._step(samples, w, g, g2, doubtful),
                RUINED: lambda: self._roll_back(guard, g),
                BROKEN: lambda: tf.zeros_like(g),
            }
            s = tf.switch_case(verdict, ways)
        if self.use_ema:
            average(self)
        self.iterations.assign_add(1)
        return s

    def _step(
        self, samples: tf.Tensor, w: Sequence[tf.Tensor], g: tf.Tensor, g2: tf.Tensor | None, doubtful: tf.Tensor
    ) -> tf.Tensor:
        k = tf.convert_to_tensor(self.iterations)
        batch = k % (self.batches_per_epoch or 1)
        self.estimator.observe(batch, g, samples)
        g_k = self.estimator.estimate(batch, vector_of(w), g, g2)
        gradient_norm = norm(g_k)
        if g_k is not g:  # an estimate that is not a number is replaced by the mini-batch's own gradient
            g_k = tf.cond(tf.math.is_finite(gradient_norm), lambda: g_k, lambda: g)
        B_g, gamma = self.pairs.inverse_times(g_k)
        length = norm(B_g)
        alpha = tf.where(k == 0, tf.constant(self.first_step, tf.float64), tf.cast(self.learning_rate, tf.float64))
        cut_short = tf.constant(False)
        if self.max_step is not None:
            limit = tf.constant(self.max_step, tf.float64) if self.guard is None else self.guard.limit
            longest = tf.cast(limit, tf.float64) / tf.maximum(length, 1e-30)
            cut_short, alpha = alpha > longest, tf.minimum(alpha, longest)
        s, departure = move(self, w, -tf.cast(alpha, B_g.dtype) * B_g)
        if self.guard is not None:
            self.guard.follow(doubtful, w, departure, cut_short)
        self.diagnostics.note(gradient_norm=gradient_norm, step_norm=alpha * length, gamma=gamma)
        return s

    def learn_curvature(self, due: tf.Tensor, s: tf.Tensor, v: tf.Tensor) -> None:
        """Lines 17 to 24: add the pair `(s, v + lambda s)` to the history, unless it is refused.

        A pair with `s'v <= 0` or a non-finite entry never enters.
        """
        v = v + tf.constant(self.regularization, v.dtype) * s
        s, v = self.pairs.as_stored(s), self.pairs.as_stored(v)
        sv, ss, vv = dot(s, v), dot(s, s), dot(v, v)
        accepted = due & (sv > 0.0) & tf.math.is_finite(sv) & tf.math.is_finite(vv) & (ss > 0.0)
        tf.cond(accepted, lambda: self.pairs.push(s, v, sv, vv), lambda: tf.no_op())
        self.diagnostics.note(accepted, curvature=sv / ss)
        self.diagnostics.note(pairs_refused=due & ~accepted & (ss != 0.0))

    def _roll_back(self, guard: Safeguard, g: tf.Tensor) -> tf.Tensor:
        """Return to the kept weights: no step. The curvature is forgotten where shorter steps are no way out."""
        tf.cond(guard.can_shorten(), lambda: None, self.pairs.clear)
        assign(trained_variables(self), guard.way_back())
        self.estimator.forget()
        return tf.zeros_like(g)

    def begin_anew_if_elsewhere(self) -> None:
        """Forget the training so far, but for the number of iterations, where the weights were set from outside.

        Only the safeguard knows where they were.
        """
        if self.guard is None or not self.guard.is_elsewhere(trained_variables(self)):
            return
        self.guard.restart()
        self.pairs.clear()
        self.pairs.initial.forget()
        self.estimator.restart()
        if self.use_ema:
            assign(averages(self), trained_variables(self))

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Refuse: a gradient alone is not enough."""
        raise ValueError("SQGN needs the network's curvature: train a SecondOrderModel with fit().")

    def get_config(self) -> dict[str, Any]:
        """The hyper-parameters."""
        of_keras = ("name", "learning_rate", "weight_decay", "use_ema", "ema_momentum")
        names = (
            "history", "regularization", "curvature_interval", "curvature_fraction", "variance_reduction",
            "full_gradient_interval", "first_step", "max_step", "scaling", "safeguard", "batches_per_epoch",
            "gradient_weight", "scale", "floor", "window", "explosion", "growth", "shrinkage",
            "history_dtype",
        )  # fmt: skip
        config = super().get_config()
        return {**{name: config[name] for name in of_keras}, **{name: getattr(self, name) for name in names}}
