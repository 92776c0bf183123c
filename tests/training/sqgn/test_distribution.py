"""Several devices: two logical CPUs under MirroredStrategy give one device's iterates, to rounding."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TRAIN = """
import contextlib, sys
sys.path.insert(0, sys.argv[1])  # the project first: in an editable installation tests/training is taken for ours
sys.path.append(sys.argv[2])
import keras, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
keras.config.set_floatx("float64")
keras.config.set_dtype_policy("float64")
from tiny_network import flat
from training.sqgn import SQGN, Partition, SecondOrderModel
from training.sqgn.estimators import ESTIMATORS

def train(devices, kind, samples, micro_batch=None, weight=None, **options):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(samples, 5)), rng.normal(size=(samples, 2))
    strategy = tf.distribute.MirroredStrategy([f"/cpu:{i}" for i in range(devices)]) if devices > 1 else None
    with strategy.scope() if strategy else contextlib.nullcontext():
        initial = [keras.initializers.GlorotUniform(seed=i) for i in range(2)]
        inputs = keras.Input((5,))
        hidden = keras.layers.Dense(3, activation="tanh", kernel_initializer=initial[0])(inputs)
        outputs = keras.layers.Dense(2, kernel_initializer=initial[1])(hidden)
        model = SecondOrderModel(inputs, outputs, micro_batch=micro_batch)
        optimizer = SQGN(variance_reduction=kind, curvature_fraction=1.0, **options)
        model.compile(optimizer=optimizer, loss=keras.losses.MeanSquaredError(dtype="float64"))
    history = model.fit(Partition.of_arrays(x, y, 4, sample_weight=weight), epochs=6, verbose=0)
    return np.append(flat(model.trainable_variables), history.history["loss"])

trainings = {"svrg": [11], "saga": [11], "storm": [11], "cached": [12], "momentum": [11, 1], "none": [9, 1]}
assert set(trainings) == set(ESTIMATORS)
weighted = dict(weight=np.linspace(0.0, 2.0, 11), weight_decay=0.3, use_ema=True, ema_momentum=0.7)
for kind, sizes in trainings.items():
    options = weighted if kind == "momentum" else {}
    one, two = (train(devices, kind, *sizes, **options) for devices in (1, 2))
    np.testing.assert_allclose(two, one, atol=1e-9, err_msg=kind)
    assert np.ptp(one[-6:]) > 0  # of the losses: it was trained
print("alike")
"""


def test_two_devices_give_the_iterates_of_one():
    """Weights and losses of six epochs with each kind of variance reduction.

    Mini-batches of 4, 4 and 3: the parts of the last one are uneven (of the first, Keras wants them even); for `cached`
    they are all alike, and for `none` the last one is a single sample, of which a device gets nothing. The latter and
    `momentum` are in micro-batches, `momentum` with weights of samples, weight decay and a moving average. (T_k is a
    part of each device's samples, so it is the same on one and on two only when it is all of S_k.)
    """
    tests = Path(__file__).parents[2]
    arguments = [sys.executable, "-c", TRAIN, str(tests.parent), str(tests)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split()[-1] == "alike"
