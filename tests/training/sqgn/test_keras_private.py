"""What is used of Keras and TensorFlow without being public: which name has moved, when one has."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_network import tiny_data, tiny_network

from training.sqgn import SQGN, keras_private

LOSS = keras.losses.BinaryCrossentropy(from_logits=True)


def compiled(**options):
    model = tiny_network()
    model.compile(optimizer=SQGN(use_ema=True, weight_decay=0.1, **options), loss="mse")
    model.optimizer.build(model.trainable_variables)
    return model


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (compiled, "_flatten_layers"),
        (compiled, "_loss_tracker"),
        (lambda: LOSS, "_fn_kwargs"),
        (lambda: compiled().optimizer, "_learning_rate"),
        (lambda: compiled().optimizer, "_trainable_variables"),
        (lambda: compiled().optimizer, "_use_weight_decay"),
        (lambda: compiled().optimizer, "_model_variables_moving_average"),
        (lambda: importlib.import_module("keras.src.utils.rng_utils"), "get_random_seed"),
        (lambda: importlib.import_module("tensorflow.python.framework.ops"), "gradient_registry"),
        (lambda: importlib.import_module("tensorflow.python.framework.ops").gradient_registry, "_registry"),
        (lambda: compiled().optimizer.pairs.steps.value, "scatter_update"),
        (lambda: tf.raw_ops, "DisableCopyOnRead"),
        (lambda: tf.raw_ops, "ResizeBilinear"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_name_is_still_there(owner, name):
    assert hasattr(owner(), name), f"Keras or TensorFlow has moved {name}: see training/sqgn/keras_private.py"


def test_each_name_means_what_it_meant():
    keras.utils.set_random_seed(7)
    assert keras_private.random_seed() == 7, "keras.src.utils.rng_utils.get_random_seed"
    assert keras_private.loss_options(LOSS)["from_logits"] is True, "Loss._fn_kwargs"
    inner = keras.Sequential([keras.layers.Dense(1)])
    inputs = keras.Input((2,))
    layers = keras_private.layers_of(keras.Model(inputs, inner(inputs)))
    assert inner.layers[0] in layers, "Model._flatten_layers no longer goes into layers"
    dropout = keras.layers.Dropout(0.5)
    dropout(tf.ones((1, 2)))
    assert any(map(keras_private.is_seed, dropout.non_trainable_variables)), "the name of a seed generator's state"
    masked = keras.layers.Embedding(3, 2, mask_zero=True)(np.array([[0, 1]]))
    assert keras_private.is_masked(masked), "_keras_mask"
    model = compiled()
    model.train_on_batch(*tiny_data())
    assert keras_private.trained_variables(model.optimizer) == model.trainable_variables, "_trainable_variables"
    assert len(keras_private.averages(model.optimizer)) == len(model.trainable_variables), "_model_variables_moving..."
    registered = importlib.import_module("tensorflow.python.framework.ops").gradient_registry.lookup
    assert registered("ResizeBilinearGrad") is None, "TensorFlow has mended ResizeBilinearGrad: do without ours"
    before = registered("ResizeBilinear")
    with keras_private.differentiable_resizing():
        assert registered("ResizeBilinear") is not before, "the registry of gradients"
    assert registered("ResizeBilinear") is before, "the registry of gradients"


PRIVATE = (
    "_flatten_layers", "_loss_tracker", "_fn_kwargs", "_trainable_variables", "_keras_mask", "_use_weight_decay",
    "_model_variables_moving_average", "keras.src", "tensorflow.python", "raw_ops",
)  # fmt: skip


def test_private_names_stand_in_one_module():
    for file in Path(keras_private.__file__).parent.glob("*.py"):
        if file.name != "keras_private.py":
            found = [name for name in PRIVATE if re.search(rf"(?<![a-z]){name}", file.read_text())]
            assert not found, f"{found} in {file}"
