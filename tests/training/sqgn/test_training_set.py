"""What `fit` takes: all that Keras's takes, to the same result, and a `Partition`."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_network import MSE, flat, tiny_data, tiny_network

from training.sqgn import SQGN, Partition, SecondOrderModel


def linear(**options):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((3,))
    model = SecondOrderModel(inputs, keras.layers.Dense(1)(inputs))
    model.compile(**{"optimizer": SQGN(), "loss": "mse", **options})
    return model


def data(samples=24):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(samples, 3)).astype("float32")
    return x, (x @ [[1.0], [2.0], [3.0]]).astype("float32")


class Batches(keras.utils.PyDataset):
    """Mini-batches of 8 in order."""

    def __len__(self):
        return 3

    def __getitem__(self, number):
        x, y = data()
        return x[8 * number :][:8], y[8 * number :][:8]


def generator():
    while True:
        yield from (Batches()[number] for number in range(3))


@pytest.mark.parametrize(
    "fit",
    [
        lambda model, x, y: model.fit(x, y, batch_size=8, epochs=4, shuffle=False, verbose=0),
        lambda model, x, y: model.fit(x, y, 8, 4, 0, None, 0.0, None, False),
        lambda model, x, y: model.fit(Partition.of_arrays(x, y, 8, shuffle=False), epochs=4, verbose=0),
        lambda model, x, y: model.fit(tf.data.Dataset.from_tensor_slices((x, y)).batch(8), epochs=4, verbose=0),
        lambda model, x, y: model.fit(Batches(), epochs=4, shuffle=False, verbose=0),
        lambda model, x, y: model.fit(generator(), epochs=4, steps_per_epoch=3, verbose=0),
        lambda model, x, y: model.fit(
            tf.data.Dataset.from_tensor_slices((x, y)).batch(8).repeat(), epochs=4, steps_per_epoch=3, verbose=0
        ),
        lambda model, x, y: model.fit(tf.constant(x), tf.constant(y), batch_size=8, epochs=4, shuffle=False, verbose=0),
        lambda model, x, y: model.fit(x.astype("float64"), y.astype("float64"), 8, 4, 0, shuffle=False),
        lambda model, x, y: [model.train_on_batch(*Batches()[number]) for _ in range(4) for number in range(3)],
    ],
    ids=["arrays", "positional", "partition", "dataset", "PyDataset", "generator", "endless", "tensors", "float64",
         "train_on_batch"],
)  # fmt: skip
@pytest.mark.parametrize("built", [True, False])
def test_the_same_mini_batches_give_the_same_weights(fit, built):
    class Own(SecondOrderModel):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1, kernel_initializer=keras.initializers.GlorotUniform(seed=1))

        def call(self, x):
            return self.dense(x)

    def make():
        model = Own()
        if built:
            model(data()[0])
        model.compile(optimizer=SQGN(), loss="mse")
        return model

    model, expected = make(), make()
    fit(model, *data())
    expected.fit(*data(), batch_size=8, epochs=4, shuffle=False, verbose=0)
    # A static and a dynamic number of samples are rounded apart.
    np.testing.assert_allclose(flat(model.trainable_variables), flat(expected.trainable_variables), atol=1e-5)


def test_several_inputs_are_a_list_or_a_dictionary():
    x, y = data()
    ends = []
    for pack in (lambda a, b: [a, b], lambda a, b: (a, b), lambda a, b: {"a": a, "b": b}):
        keras.utils.set_random_seed(0)
        inputs = pack(keras.Input((1,), name="a"), keras.Input((2,), name="b"))
        h = keras.layers.Concatenate()(keras.tree.flatten(inputs))
        model = SecondOrderModel(inputs, keras.layers.Dense(1)(h))
        model.compile(optimizer=SQGN(variance_reduction="cached"), loss="mse")
        model.fit(pack(x[:, :1], x[:, 1:]), y, batch_size=8, epochs=3, verbose=0)
        ends.append(flat(model.trainable_variables))
    np.testing.assert_array_equal(ends[0], ends[1])
    np.testing.assert_array_equal(ends[0], ends[2])


def test_a_batch_size_above_the_samples_is_all_of_them():
    ends = []
    for size in (24, 1000):
        model = linear()
        model.fit(*data(), batch_size=size, epochs=3, verbose=0)
        ends.append(flat(model.trainable_variables))
    np.testing.assert_array_equal(ends[0], ends[1])
    with pytest.raises(ValueError, match="between 1 and the 24 samples"):
        Partition.of_arrays(*data(), 25)


def test_the_seed_of_keras_decides_the_mini_batches():
    """Two trainings of one seed are equal, those of two are not; without a seed all are those of seed 0."""
    x, y = data()
    ends = []
    for seed in (1, 1, 2):
        model = linear()
        keras.utils.set_random_seed(seed)
        model.fit(x, y, batch_size=8, epochs=3, verbose=0)
        ends.append(flat(model.trainable_variables))
    np.testing.assert_array_equal(ends[0], ends[1])
    assert np.any(ends[0] != ends[2])


def test_validation_is_split_off_as_in_keras():
    """The last quarter, whatever is shuffled; weights and class weights do not enter a validation's data."""
    x, y = data()
    model = linear()
    history = model.fit(x, y, batch_size=6, epochs=2, validation_split=0.25, verbose=0).history
    assert history["val_loss"][-1] == pytest.approx(model.evaluate(x[18:], y[18:], verbose=0), rel=1e-6)
    twin = linear()
    twin.fit(x[:18], y[:18], batch_size=6, epochs=2, verbose=0)
    np.testing.assert_array_equal(flat(model.trainable_variables), flat(twin.trainable_variables))
    with pytest.raises(ValueError, match="one part empty"):
        model.fit(x[:1], y[:1], validation_split=0.5)


@pytest.mark.parametrize(
    ("kind", "labels"),
    [("momentum", "numbers"), ("momentum", "one-hot"), ("svrg", "numbers"), ("cached", "one-hot"), ("saga", "numbers")],
)
def test_class_weights_are_weights_of_samples(kind, labels):
    """In the full gradient too; a class that is not named counts 1."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(24, 3)).astype("float32")
    y = rng.integers(0, 3, 24)
    weights = np.array([3.0, 1.0, 0.5], "float32")[y]
    targets = y if labels == "numbers" else np.eye(3, dtype="float32")[y]
    name = "sparse_categorical_crossentropy" if labels == "numbers" else "categorical_crossentropy"
    ends = []
    for options in ({"class_weight": {0: 3.0, 2: 0.5}}, {"sample_weight": weights}, {}):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((3,))
        model = SecondOrderModel(inputs, keras.layers.Dense(3, activation="softmax")(inputs))
        model.compile(optimizer=SQGN(variance_reduction=kind), loss=name, weighted_metrics=["accuracy"])
        history = model.fit(x, targets, batch_size=8, epochs=3, verbose=0, **options).history
        ends.append(np.append(flat(model.trainable_variables), history["accuracy"]))
    np.testing.assert_allclose(ends[0], ends[1], atol=1e-6)
    assert np.abs(ends[0] - ends[2]).max() > 1e-3


def test_a_sample_of_weight_two_is_that_sample_twice(float64):
    """Without shuffling, in mini-batches of 3 weighted samples, or of 4 of which two are the same one."""
    x, y = tiny_data(12)
    twice = np.sort(np.concatenate([np.arange(12), np.arange(0, 12, 3)]))
    ends = []
    for indices, size, weight in ((np.arange(12), 3, np.tile([1.5, 0.75, 0.75], 4)), (twice, 4, None)):
        model = tiny_network()
        model.compile(optimizer=SQGN(curvature_fraction=1.0), loss=MSE(dtype="float64"))
        fit = {"batch_size": size, "epochs": 4, "shuffle": False, "sample_weight": weight, "verbose": 0}
        model.fit(x[indices], y[indices], **fit)
        ends.append(flat(model.trainable_variables))
    np.testing.assert_allclose(ends[0], ends[1], atol=1e-9)


def test_a_partition_is_mapped(float64):
    """Another read on the same numbers: it stays a partition, of which "saga" knows each mini-batch."""
    x, y = tiny_data()
    model, twin = tiny_network(), tiny_network()
    for network in (model, twin):
        network.compile(optimizer=SQGN(variance_reduction="saga"), loss=MSE(dtype="float64"))
    model.fit(Partition.of_arrays(x, y, 4).map(lambda x, y: (-x, y)), epochs=3, verbose=0)
    twin.fit(Partition.of_arrays(-x, y, 4), epochs=3, verbose=0)
    np.testing.assert_array_equal(flat(model.trainable_variables), flat(twin.trainable_variables))
    partition = Partition.of_arrays(x, y, 4)
    for given in (partition.dataset(model.optimizer), Batches(), generator()):
        with pytest.raises(ValueError, match="same mini-batches"):
            model.fit(given, verbose=0)


@pytest.mark.parametrize("optimizer", ["adam", "sqgn"])
def test_any_optimizer_trains_on_a_partition(optimizer):
    x, y = data()
    model = linear(optimizer=optimizer)
    assert isinstance(model.optimizer, SQGN) == (optimizer == "sqgn")
    history = model.fit(Partition.of_arrays(x, y, 8), epochs=5, verbose=0, validation_data=(x, y)).history
    assert history["val_loss"][-1] < history["val_loss"][0]


def test_what_does_not_fit_is_named():
    x, y = data()
    with pytest.raises(ValueError, match="there is no y"):
        linear().fit(x)
    with pytest.raises(ValueError, match="same number of samples"):
        linear().fit(x, y[:-1])
    with pytest.raises(ValueError, match="one target y for each sample, not 2"):
        linear().fit(x, [y, y], verbose=0)
    with pytest.raises(ValueError, match="known, finite length"):
        linear(optimizer=SQGN(variance_reduction="svrg")).fit(Batches(), verbose=0)
    with pytest.raises(ValueError, match="class_weight but for arrays"):
        linear().fit(Batches(), class_weight={0: 1.0}, verbose=0)
