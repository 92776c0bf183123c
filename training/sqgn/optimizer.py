"""SQGN, the stochastic quasi-Gauss-Newton method of Thiele, Araya-Polo and Hohl (2021), for Keras models.

    model = SecondOrderModel(inputs, outputs)
    model.compile(optimizer=SQGN(), loss=..., metrics=[...])
    model.fit(x, y, batch_size=100, epochs=100)

Algorithm 1 in short: a gradient estimate g_k from a mini-batch S_k; the direction `d_k = -B g_k` with B the L-BFGS
inverse of the curvature pairs so far; a step `s_k = alpha d_k`; and a new pair `(s_k, v_k)` with the Gauss-Newton
product `v_k = (J'HJ + lambda I) s_k` on T_k, a part of S_k, at the new weights.

The defaults differ from the paper's settings (`SQGN.reference()`) in three things. The initial inverse Hessian is a
diagonal from the gradient's mean square instead of one number, so that layers and weights whose curvatures are
thousands of times apart move from the first iteration on. The length of a step has a limit, which grows while the
gradient of the next mini-batch still points down the step just made and shrinks, half as fast, when it does not.
Sampling is cheaper: momentum, in which each gradient counts half as much as the next, in place of SVRG, and a quarter
of S_k for T_k. (Momentum was chosen on three seeds of tomography; two others confirm it, on MNIST it changes little.)

What was tried for them (the curves of tomography are in `results/tried.json`). First, tomography at the demo's size,
780 models, 15 iterations an epoch, seed 0, so differences below 2 % mean little; test loss [(km/s)^2] after 6 epochs:

    Adam 3e-4 / 1e-3 / 3e-3                               746 / 712 / 654
    one gamma per variable, limit 1                       726
      alpha 0.3 / alpha 1 / limit 3 with alpha 0.3        728 / 730 / 753
      times the diagonal                                  743
    diagonal of scale 0.01, floor 0.1, limit 1            638
      without the curvature pairs                         723
      floor 0 / 0.01 / 1                                  840 / 614 / 654
      momentum 0.9                                        741
      L = 5                                               715
      T_k of S_k / 2, every second iteration              688
    diagonal of scale 0.1, floor 0.01, limit 1            606
      T_k of S_k / 10                                     634
      L = 10                                              635
      limit 2                                             648
      lambda 1 / 10                                       599 / 645; MNIST after 4 epochs 0.141 with 1, 0.081 with 0.1
      renewed every 5 / 10 / 20 iterations                605 / 621 / 622
      svrg                                                626, training loss 547 instead of 616
      limit that follows by 5 % / 10 % both ways          602 / 624; after 10 epochs 568, Adam 3e-3 566
      the same with seed 1, after 6 and 10 epochs         668, 596; Adam 3e-3 656, 581

A limit that shrinks as fast as it grows ends too short where noise is all that is left: on MNIST 0.074 after 8 epochs,
0.070 with a fixed limit, 0.062 when it shrinks half as fast, 0.073 a quarter as fast, Adam 1e-2 0.080 (seed 0).

Then momentum (corrected for the number of gradients so far, which the default is not), on the `laptop` preset, with
that limit; test and training loss [(km/s)^2], seed 0:

                                                          6 epochs        12 epochs
    Adam 3e-3                                             2796, 2939      2416, 2224
    no momentum                                           2722, 2833      2541, 2438
      limit 0.5 / 3                                       2738 / 3064     2562 / 2802
    momentum 0.3                                          2603, 2674      2467, 1998
    momentum 0.5                                          2596, 2591      2442, 1928
      L = 10                                              2564, 2645      2449, 2144
    momentum 0.7 / 0.9                                    2740 / 3806     2521 / 3779
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from .estimators import ESTIMATORS
from .gauss_newton import blocks_of, vector_of
from .lbfgs import SCALINGS, History, dot, norm

SECONDS = ("seconds_gradient", "seconds_snapshot", "seconds_direction", "seconds_product")
_MEANS = ("gradient_norm", "step_norm", "curvature", "gamma")
DIAGNOSTICS = (*_MEANS, "pairs_refused", "rollbacks", *SECONDS)


@keras.saving.register_keras_serializable(package="sqgn")
class SQGN(keras.optimizers.Optimizer):
    """The optimizer of Algorithm 1; it needs a `SecondOrderModel`, which evaluates its curvature.

    Args:
        learning_rate: alpha, a float or a Keras schedule.
        history: L, the number of curvature pairs kept. Memory is `2 L m` floats for m weights; the "gradient" scaling
            takes two more a weight, the safeguard two, "momentum" one, "svrg" and "storm" two, "cached" and "saga" one
            and one more per mini-batch.
        regularization: lambda, added to the Gauss-Newton matrix.
        curvature_interval: M; a curvature pair is made every M-th iteration.
        curvature_fraction: |T_k| / |S_k|, the part of the mini-batch that the product is taken over.
        variance_reduction: "none", "momentum", "svrg", "cached", "saga" or "storm" (see `variance_reduction`).
        full_gradient_interval: K, iterations between full gradients; None for an epoch.
        first_step: the factor of the very first step.
        max_step: the largest Euclidean norm of a step; None for no limit. With the safeguard it is where the limit
            starts from.
        scaling: the initial inverse Hessian: "gradient" for a diagonal from the gradient's running mean square,
            "common" for the paper's single gamma (see `lbfgs`).
        safeguard: watch each step from the next mini-batch. While its gradient still points down the last step, the
            limit on the steps grows, when it points back, the limit shrinks by half as much; when the loss explodes,
            the last sound weights are restored, the history and a snapshot are forgotten and the limit is halved.
        batches_per_epoch: known to `fit`; part of the configuration because the state of "cached" and "saga" has
            that many rows.

    Raises ValueError for a hyper-parameter out of its range.
    """

    explosion = 10.0
    smoothing = 0.9
    growth = 1.05
    shrinkage = 1.05**-0.5
    least_step, greatest_step = 1.0 / 30.0, 3.0

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
    ) -> None:
        ranges = {
            "history": history >= 1,
            "regularization": regularization >= 0.0,
            "curvature_interval": curvature_interval >= 1,
            "curvature_fraction": 0.0 < curvature_fraction <= 1.0,
            "full_gradient_interval": full_gradient_interval is None or full_gradient_interval >= 1,
            "first_step": first_step > 0.0,
            "max_step": max_step is None or max_step > 0.0,
            "scaling": scaling in SCALINGS,
            "variance_reduction": variance_reduction in ESTIMATORS,
            "learning_rate": not isinstance(learning_rate, int | float) or learning_rate > 0.0,
        }
        values = locals()
        for parameter, sound in ranges.items():
            if not sound:
                raise ValueError(f"SQGN: {parameter}={values[parameter]!r} is out of range.")
        super().__init__(float(learning_rate) if isinstance(learning_rate, int) else learning_rate, name=name)
        self.history = history
        self.regularization = regularization
        self.curvature_interval = curvature_interval
        self.curvature_fraction = curvature_fraction
        self.variance_reduction = variance_reduction
        self.full_gradient_interval = full_gradient_interval
        self.first_step = first_step
        self.max_step = max_step
        self.scaling = scaling
        self.safeguard = safeguard
        self.batches_per_epoch = batches_per_epoch

    @classmethod
    def reference(cls, **changes: Any) -> SQGN:
        """Algorithm 1 with the paper's hyper-parameters, to the letter; `changes` replace some of them."""
        paper = {
            "learning_rate": 0.1, "history": 20, "regularization": 0.1, "curvature_interval": 1,
            "curvature_fraction": 1.0, "variance_reduction": "svrg", "full_gradient_interval": None,
            "first_step": 1e-7, "max_step": None, "scaling": "common", "safeguard": False,
        }  # fmt: skip
        return cls(**{**paper, **changes})

    @property
    def fixed_batches(self) -> bool:
        """Whether mini-batches must keep their samples from epoch to epoch."""
        return ESTIMATORS[self.variance_reduction].fixed_batches

    @property
    def full_gradients(self) -> bool:
        """Whether the whole training set is passed over."""
        return ESTIMATORS[self.variance_reduction].full_gradients

    @property
    def stores_batches(self) -> bool:
        """Whether mini-batches must be known by their number."""
        return ESTIMATORS[self.variance_reduction].stores_batches

    @property
    def lacks_batches(self) -> bool:
        """Whether the number of mini-batches must be known, and is not."""
        return self.stores_batches and self.batches_per_epoch is None

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Create the state for these trainable variables."""
        if self.built:
            if list(map(id, variables)) != list(map(id, self._trainable_variables)):
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
        self._pairs = History(add, sizes, self.history, self.scaling)
        self._estimator = ESTIMATORS[self.variance_reduction](add, sum(sizes), self.batches_per_epoch)
        if self.safeguard:
            self._sound = [add(v.shape, name="sound_weights") for v in variables]
            self._last_step = add((sum(sizes),), name="last_step")
        self._usual_loss = add((), initializer=keras.initializers.Constant(np.inf), name="usual_loss")
        self._step_limit = add((), initializer=keras.initializers.Constant(self.max_step or 0.0), name="step_limit")
        self._diagnostics = add((len(DIAGNOSTICS) + 1,), dtype="float64", name="diagnostics")

    def advance(
        self, samples: tf.Tensor, loss: tf.Tensor, w: Sequence[tf.Tensor], g: tf.Tensor, g2: tf.Tensor | None
    ) -> tf.Tensor:
        """Lines 8 to 16: from the gradients of a mini-batch to the step s_k (m,), which is applied and returned.

        To be called once per iteration, across replicas, with the mini-batch's number of samples, the weights w of
        each variable, the loss and the gradient (m,) there and, where the gradient estimator wants it, the gradient at
        its second point.
        """
        if self.safeguard:
            first = ~tf.math.is_finite(tf.convert_to_tensor(self._usual_loss))
            sound = self._watch(loss, g)
            s = tf.cond(sound, lambda: self._step(samples, w, g, g2), lambda: self._roll_back(first, w))
        else:
            s = self._step(samples, w, g, g2)
        self.iterations.assign_add(1)
        return s

    def _step(self, samples: tf.Tensor, w: Sequence[tf.Tensor], g: tf.Tensor, g2: tf.Tensor | None) -> tf.Tensor:
        k = tf.convert_to_tensor(self.iterations)
        batch = k % (self.batches_per_epoch or 1)
        self._estimator.observe(batch, g, samples)
        g_k = self._estimator.estimate(batch, vector_of(w), g, g2)
        gradient_norm = norm(g_k)
        if g_k is not g:  # an estimate that is not a number is replaced by the mini-batch's own gradient
            g_k = tf.cond(tf.math.is_finite(gradient_norm), lambda: g_k, lambda: g)
        B_g, gamma = self._pairs.inverse_times(g_k)
        length = norm(B_g)
        alpha = tf.where(k == 0, tf.constant(self.first_step, tf.float64), tf.cast(self.learning_rate, tf.float64))
        if self.max_step is not None:
            limit = tf.cast(tf.convert_to_tensor(self._step_limit), tf.float64)
            alpha = tf.minimum(alpha, limit / tf.maximum(length, 1e-30))
        s = -tf.cast(alpha, B_g.dtype) * B_g
        if self.safeguard:
            self._keep(w, s)
        variables = self._trainable_variables
        _assign(variables, [a + b for a, b in zip(w, blocks_of(s, variables), strict=True)])
        self._record(gradient_norm=gradient_norm, step_norm=alpha * length, gamma=gamma, steps=1.0)
        return s

    def learn_curvature(self, due: tf.Tensor, s: tf.Tensor, v: tf.Tensor) -> None:
        """Lines 17 to 24: add the pair `(s, v + lambda s)` to the history, unless it is refused.

        A pair with `s'v <= 0` or a non-finite entry never enters.
        """
        v = v + tf.cast(self.regularization, v.dtype) * s
        sv, ss, vv = dot(s, v), dot(s, s), dot(v, v)
        accepted = due & (sv > 0.0) & tf.math.is_finite(sv) & tf.math.is_finite(vv) & (ss > 0.0)
        tf.cond(accepted, lambda: self._pairs.push(s, v, sv, vv), lambda: tf.no_op())
        self._record(
            curvature=tf.where(accepted, sv / ss, 0.0) * self.curvature_interval,
            pairs_refused=tf.cast(due & ~accepted & (ss != 0.0), tf.float64),
        )

    def _watch(self, loss: tf.Tensor, g: tf.Tensor) -> tf.Tensor:
        """Whether loss and gradient are sound.

        The gradient of a mini-batch that the last step did not know tells whether that step was too long: the limit on
        the steps follows it. (The mini-batch that the step was made from always likes it.)
        """
        usual = tf.convert_to_tensor(self._usual_loss)
        first = ~tf.math.is_finite(usual)
        finite = tf.math.is_finite(loss) & tf.math.is_finite(tf.cast(norm(g), loss.dtype))
        most = usual + (self.explosion - 1.0) * tf.abs(usual)
        sound = finite & (first | (loss <= most))
        smoothed = tf.where(
            first, loss, self.smoothing * usual + (1.0 - self.smoothing) * tf.minimum(loss, usual + tf.abs(usual))
        )
        self._usual_loss.assign(tf.where(finite, smoothed, usual))
        if self.max_step is not None:
            slope = dot(g, tf.convert_to_tensor(self._last_step))
            change = tf.where(slope < 0.0, self.growth, tf.where(slope > 0.0, self.shrinkage, 1.0))
            change = tf.where(sound, change, 0.5)
            limit = tf.convert_to_tensor(self._step_limit)
            limit *= tf.cast(change, limit.dtype)
            self._step_limit.assign(
                tf.clip_by_value(limit, self.least_step * self.max_step, self.greatest_step * self.max_step)
            )
        self._record(rollbacks=tf.where(sound, 0.0, 1.0))
        return sound

    def _keep(self, w: Sequence[tf.Tensor], s: tf.Tensor) -> None:
        """Keep weights that are sound, and the step made from them."""
        _assign(self._sound, w)
        self._last_step.assign(s)

    def _roll_back(self, first: tf.Tensor, w: Sequence[tf.Tensor]) -> tf.Tensor:
        """Return to the last sound weights (the very first are all there is) and forget the curvature: no step."""
        start = tf.cond(first, lambda: list(w), lambda: [tf.convert_to_tensor(v) for v in self._sound])
        no_step = tf.zeros_like(self._last_step)
        self._keep(start, no_step)
        _assign(self._trainable_variables, start)
        self._pairs.clear()
        self._estimator.forget()
        return no_step

    def _record(self, **values: Any) -> None:
        row = [tf.cast(values.get(name, 0.0), tf.float64) for name in (*DIAGNOSTICS, "steps")]
        self._diagnostics.assign_add(tf.stack(row))

    def report(self) -> dict[str, float]:
        """Means (and, from `pairs_refused` on, sums) of the diagnostics since `forget_diagnostics`."""
        values = np.array(tf.convert_to_tensor(self._diagnostics))
        values, steps = values[:-1], values[-1]
        values[: len(_MEANS)] /= max(steps, 1.0)
        return dict(zip(DIAGNOSTICS, map(float, values), strict=True))

    def forget_diagnostics(self) -> None:
        """Start the diagnostics of an epoch."""
        self._diagnostics.assign(tf.zeros_like(self._diagnostics))

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Refuse: a gradient alone is not enough."""
        raise ValueError("SQGN needs the network's curvature: train a SecondOrderModel with fit().")

    def get_config(self) -> dict[str, Any]:
        """The hyper-parameters."""
        names = (
            "history", "regularization", "curvature_interval", "curvature_fraction", "variance_reduction",
            "full_gradient_interval", "first_step", "max_step", "scaling", "safeguard", "batches_per_epoch",
        )  # fmt: skip
        base = {key: value for key, value in super().get_config().items() if key in ("name", "learning_rate")}
        return {**base, **{name: getattr(self, name) for name in names}}


def _assign(variables: Sequence[keras.Variable], values: Sequence[tf.Tensor]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
