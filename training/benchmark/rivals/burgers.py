"""A physics-informed network for Burgers' equation (Raissi et al. 2019), as a least-squares problem.

    u_t + u u_x = nu u_xx,   u(x, 0) = -sin(pi x),   u(-1, t) = u(1, t) = 0,   nu = 0.01 / pi

The network N(x, t) enters as `u = -sin(pi x) + t (1 - x^2) N`, which fulfils the initial and the boundary values, so
that the residual of the equation is all there is to be learned. The model's output *is* the residual at (x, t), its
target zero: the Gauss-Newton matrix of the mean square error is that of the equation. Derivatives in x and t go through
the layers beside the values, by the chain rule, so that the weights see first derivatives alone.
"""

from __future__ import annotations

import itertools
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from training.benchmark.problems import Problem
from training.sqgn.model import SecondOrderModel
from training.sqgn.partition import Partition

VISCOSITY = 0.01 / np.pi
WIDTHS = (32, 32, 32)


@keras.saving.register_keras_serializable(package="tomo")
class BurgersResidual(keras.layers.Layer):
    """From points (batch, 2) of (x, t) to the residual of Burgers' equation there, (batch, 1), of a tanh network."""

    def __init__(self, widths: tuple[int, ...] = WIDTHS, seed: int = 0, **options: Any) -> None:
        super().__init__(**options)
        self.widths, self.seed = tuple(widths), seed
        sizes = (2, *self.widths, 1)
        pairs = list(itertools.pairwise(sizes))
        self.kernels, self.biases = [], []
        for number, shape in enumerate(pairs):
            name = "output" if number == len(pairs) - 1 else f"hidden_{number}"
            initial = keras.initializers.GlorotUniform(seed * len(pairs) + number)
            self.kernels.append(self.add_weight(shape, initial, name=f"{name}_kernel"))
            self.biases.append(self.add_weight(shape[1:], "zeros", name=f"{name}_bias"))

    def fields(self, points: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        """u, u_x, u_t and u_xx at points (batch, 2), each (batch, 1)."""
        x, t = points[:, :1], points[:, 1:]
        n, n_x, n_t, n_xx = self._network(points)
        sine, cosine = tf.sin(np.pi * x), tf.cos(np.pi * x)
        edge = 1.0 - tf.square(x)
        u = -sine + t * edge * n
        u_x = -np.pi * cosine + t * (edge * n_x - 2.0 * x * n)
        u_t = edge * (n + t * n_t)
        u_xx = np.pi**2 * sine + t * (edge * n_xx - 4.0 * x * n_x - 2.0 * n)
        return u, u_x, u_t, u_xx

    def _network(self, points: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        """N and its derivatives; of `h = tanh(a)` they are `h' a_x` and `h' a_xx + h'' a_x^2`."""
        along_x, along_t = (tf.broadcast_to(tf.constant(d, points.dtype), tf.shape(points)) for d in ((1, 0), (0, 1)))
        h, h_x, h_t, h_xx = points, along_x, along_t, tf.zeros_like(points)
        for number, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True)):
            a = tf.matmul(h, kernel) + bias
            a_x, a_t, a_xx = (tf.matmul(d, kernel) for d in (h_x, h_t, h_xx))
            if number == len(self.widths):
                break
            h = tf.tanh(a)
            slope = 1.0 - tf.square(h)
            h_x, h_t, h_xx = slope * a_x, slope * a_t, slope * (a_xx - 2.0 * h * tf.square(a_x))
        return a, a_x, a_t, a_xx

    def call(self, points: tf.Tensor) -> tf.Tensor:
        """The residual (batch, 1)."""
        u, u_x, u_t, u_xx = self.fields(points)
        return u_t + u * u_x - VISCOSITY * u_xx

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(batch, 1)."""
        return (shape[0], 1)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "widths": list(self.widths), "seed": self.seed}


def solution(x: np.ndarray, t: np.ndarray, nodes: int = 200) -> np.ndarray:
    """The exact u(x, t) of (x, t) in [-1, 1] x (0, 1], broadcast, by the Cole-Hopf transformation.

    `u = -<sin(pi y) f(y)> / <f(y)>` with `f(y) = exp(-cos(pi y) / (2 pi nu))`, means over y, normal around x with
    variance `2 nu t` (Basdevant et al. 1986); the means are by Gauss-Hermite quadrature. f is divided by its largest
    value: at this viscosity it spans 43 decades.
    """
    z, weight = np.polynomial.hermite.hermgauss(nodes)
    y = np.asarray(x)[..., None] - z * np.sqrt(4.0 * VISCOSITY * np.asarray(t))[..., None]
    exponent = -np.cos(np.pi * y) / (2.0 * np.pi * VISCOSITY)
    f = weight * np.exp(exponent - exponent.max(-1, keepdims=True))
    return -np.sum(np.sin(np.pi * y) * f, -1) / np.sum(f, -1)


class _Error(keras.callbacks.Callback):
    """`val_error`, the relative error of u on a grid, in the norm of L2."""

    def __init__(self) -> None:
        super().__init__()
        x, t = np.meshgrid(np.linspace(-1.0, 1.0, 201), np.linspace(0.02, 1.0, 50), indexing="ij")
        self.points = tf.constant(np.stack([x.ravel(), t.ravel()], 1), tf.float32)
        self.u = solution(x.ravel(), t.ravel())

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            u = self.model.get_layer("residual").fields(self.points)[0].numpy()[:, 0]
            logs["val_error"] = float(np.linalg.norm(u - self.u) / np.linalg.norm(self.u))


def burgers_problem(
    batch_size: int,
    validation: bool = False,
    points: int = 50_000,
    test_points: int = 10_000,
    widths: tuple[int, ...] = WIDTHS,
) -> Problem:
    """Collocation points drawn uniformly, once for all trainings, and others to test on; `validation` has its own."""
    rng = np.random.default_rng(1 if validation else 0)
    train, test = (
        rng.uniform([-1.0, 0.0], [1.0, 1.0], (count, 2)).astype(np.float32) for count in (points, test_points)
    )
    zeros = np.zeros((test_points, 1), np.float32)

    def build(optimizer: keras.optimizers.Optimizer, seed: int) -> keras.Model:
        inputs = keras.Input((2,))
        model = SecondOrderModel(inputs, BurgersResidual(widths, seed, name="residual")(inputs))
        model.compile(optimizer=optimizer, loss="mse", jit_compile=False)
        return model

    return Problem(
        "pinn",
        build,
        lambda seed: Partition.of_arrays(train, np.zeros((points, 1), np.float32), batch_size, seed),
        lambda: ({"validation_data": (test, zeros), "validation_batch_size": test_points}, [_Error()]),
        "val_error",
        {},
    )
