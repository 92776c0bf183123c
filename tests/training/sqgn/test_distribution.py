"""Several devices: two logical CPUs under MirroredStrategy give one device's iterates, to rounding."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

TRAIN = """
import sys
sys.path.insert(0, sys.argv[1])
import keras, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
keras.config.set_floatx("float64")
keras.config.set_dtype_policy("float64")
from conftest import flat, tiny_data, tiny_network
from training.sqgn import SQGN, Partition
from training.sqgn.estimators import ESTIMATORS

strategy = tf.distribute.MirroredStrategy([f"/cpu:{i}" for i in range(int(sys.argv[3]))])

def train(kind, samples, micro_batch=None, weight=None, **options):
    with strategy.scope():
        model = tiny_network(micro_batch=micro_batch)
        optimizer = SQGN(variance_reduction=kind, curvature_fraction=1.0, **options)
        model.compile(optimizer=optimizer, loss=keras.losses.MeanSquaredError(dtype="float64"))
    x, y = tiny_data(samples)
    history = model.fit(Partition.of_arrays(x, y, 4, sample_weight=weight), epochs=6, verbose=0)
    return np.append(flat(model.trainable_variables), history.history["loss"])

ends = {kind: train(kind, 11) for kind in ESTIMATORS}
micro = {f"micro {samples}": train("momentum", samples, 1) for samples in (11, 9)}
options = train("momentum", 11, weight=np.linspace(0.0, 2.0, 11), weight_decay=0.3, use_ema=True, ema_momentum=0.7)
np.savez(sys.argv[2], **ends, **micro, options=options, even=train("cached", 12))
"""


def test_two_devices_give_the_iterates_of_one(tmp_path):
    """Mini-batches of 4, 4 and 3: the parts of the last one are uneven (of the first, Keras wants them even).

    Weights and losses of six epochs with each kind of variance reduction, in mini-batches that are all alike, in
    micro-batches, of which a device may get none, and with weights of samples, weight decay and a moving average. (T_k
    is a part of each device's samples, so it is the same on one and on two only when it is all of S_k.)
    """
    results = []
    for devices in (1, 2):
        file = tmp_path / f"{devices}.npz"
        arguments = [str(Path(__file__).parents[1]), file, str(devices)]
        done = subprocess.run([sys.executable, "-c", TRAIN, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        results.append(np.load(file))
    one, two = results
    for kind in one:
        np.testing.assert_allclose(two[kind], one[kind], atol=1e-9, err_msg=kind)
