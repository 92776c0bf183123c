"""The optimizers that a training may name."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from training.optimizers import OPTIMIZERS, make_optimizer
from training.sqgn import SQGN, SecondOrderModel
from training.sqgn.falling import FALLING


def test_svrg_is_that_of_the_textbook() -> None:
    """Johnson and Zhang (2013): from the gradient of a mini-batch at w that at the snapshot is taken away, the full one
    at the snapshot put back. The first step of all has SQGN's tiny factor."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 3)).astype(np.float32), rng.normal(size=(12, 1)).astype(np.float32)
    inputs = keras.Input((3,))
    layer = keras.layers.Dense(1, use_bias=False)
    model = SecondOrderModel(inputs, layer(inputs))
    w = np.array(layer.kernel, np.float64)
    model.compile(optimizer=make_optimizer("svrg", 0.05), loss="mse")
    model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0)

    def gradient(w: np.ndarray, part: slice) -> np.ndarray:
        return 2.0 * x[part].T @ (x[part] @ w - y[part]) / len(x[part])

    for epoch in range(3):
        snapshot, full = w.copy(), gradient(w, slice(None))
        for batch in range(3):
            part = slice(4 * batch, 4 * batch + 4)
            step = 0.05 if epoch or batch else 1e-7
            w = w - step * (gradient(w, part) - gradient(snapshot, part) + full)
    np.testing.assert_allclose(np.array(layer.kernel), w, rtol=1e-4)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_has_a_rate_of_its_own_and_takes_another(name: str) -> None:
    assert float(make_optimizer(name).learning_rate) == pytest.approx(OPTIMIZERS[name].rate)
    assert float(make_optimizer(name, 0.02).learning_rate) == pytest.approx(0.02)


def test_options_are_for_those_of_second_order() -> None:
    assert make_optimizer("sqgn", curvature_interval=4, max_step=None).curvature_interval == 4
    kinds = {(name, schedule): make_optimizer(name, None, schedule, 10) for name in ("sqgn", "sqgn-reference")
             for schedule in ("constant", "cosine")}  # fmt: skip
    power = {kind: optimizer.shrinkage for kind, optimizer in kinds.items()}
    assert power.pop(("sqgn", "cosine")) == FALLING["shrinkage"]
    assert set(power.values()) == {SQGN().shrinkage}
    assert make_optimizer("sqgn", None, "cosine", 10, shrinkage=0.4).shrinkage == 0.4
    assert make_optimizer("adamw", curvature_interval=None) is not None
    with pytest.raises(ValueError, match="curvature_interval"):
        make_optimizer("sgd", curvature_interval=4)
