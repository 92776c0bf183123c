"""The two problems of the paper's section 6, for comparisons of optimizers: MNIST and seismic tomography."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from data_gen.errors import DataError, SettingError
from data_gen.survey.reader import Survey
from models.mnist import mnist_network
from training.augmentation import AUGMENTATIONS
from training.benchmark.paper import STUCK
from training.callbacks import Scores
from training.fit import check_survey, make_model
from training.optimizers import ADAM_RATE
from training.panels import samples_of
from training.pipeline import training_partition
from training.settings import Settings
from training.sqgn.estimators import ESTIMATORS
from training.sqgn.model import SecondOrderModel
from training.sqgn.optimizer import SQGN
from training.sqgn.partition import Partition


@dataclass(frozen=True)
class Problem:
    """A training problem.

    `build(optimizer, seed)` returns a compiled model, `partition(seed)` its mini-batches and `validation` the keyword
    arguments and callbacks that put `val_loss` and `score` into the logs. `contenders` are optimizers by name; the
    paper's is run with "cached", which gives the iterates of "svrg" for one gradient less. A training ends early with
    the first epoch whose score is `enough`, if that is given.
    """

    name: str
    build: Callable[[keras.optimizers.Optimizer, int], keras.Model]
    partition: Callable[[int], Partition]
    validation: Callable[[], tuple[dict[str, Any], list[keras.callbacks.Callback]]]
    score: str
    contenders: Mapping[str, Callable[[], keras.optimizers.Optimizer]]
    enough: float | None = None

    def check(self, contender: str) -> None:
        """Raise SettingError for a name that is no contender's."""
        if contender not in self.contenders:
            raise SettingError(f"unknown contender {contender!r}: choose from {', '.join(self.contenders)}")


HELD_OUT = 1 / 6
"""The share of the training samples that choices are made on, in place of the test samples."""


def unheld(samples: int) -> int:
    """How many of the training samples are left for training where choices are made; the first so many."""
    return samples - max(1, round(HELD_OUT * samples))


def read_idx(path: Path) -> np.ndarray:
    """An array of bytes from an IDX file (LeCun et al.), gzipped or not.

    Raises DataError where there is no such file, or one that is not IDX.
    """
    for candidate in (path, path.with_name(path.name + ".gz")):
        if candidate.exists():
            content = candidate.read_bytes()
            break
    else:
        raise DataError(f"{path} does not exist, gzipped or not: --data is the folder of the four MNIST files")
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    rank = content[3] if len(content) > 4 and content[:3] == b"\0\0\x08" else 0
    shape = [int.from_bytes(content[4 + 4 * i : 8 + 4 * i], "big") for i in range(rank)]
    if not rank or len(content) != 4 + 4 * rank + int(np.prod(shape)):
        raise DataError(f"{path} is not an IDX file of bytes")
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)


def check_mnist(data: Path) -> None:
    """Read the four files of a folder; raises DataError as `read_idx`."""
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        read_idx(data / f"{name}-ubyte")


def mnist_problem(data: Path, batch_size: int = 1000, raw_pixels: bool = False, validation: bool = False) -> Problem:
    """The paper's section 6.1 on the real images; pixels in [0, 1], or 0 to 255 as the authors' code feeds them.

    For `validation` the test images are not touched: the network is scored on images that it is not trained on instead.
    """

    def images(name: str) -> np.ndarray:
        return read_idx(data / f"{name}-images-idx3-ubyte")[..., None].astype(np.float32) / (1 if raw_pixels else 255)

    def labels(name: str) -> np.ndarray:
        return read_idx(data / f"{name}-labels-idx1-ubyte").astype(np.int64)

    x, y = images("train"), labels("train")
    if validation:
        kept = unheld(len(x))
        test, x, y = (x[kept:], y[kept:]), x[:kept], y[:kept]
    else:
        test = images("t10k"), labels("t10k")
    train = tf.constant(x), tf.constant(y)

    def build(optimizer: keras.optimizers.Optimizer, seed: int) -> keras.Model:
        model = mnist_network(SecondOrderModel, seed)
        model.micro_batch = 500  # the same result; on a CPU the activations of 500 images stay in the cache
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"], jit_compile=False)
        return model

    return Problem(
        "mnist, raw pixels" if raw_pixels else "mnist",
        build,
        lambda seed: Partition.of_arrays(*train, batch_size, seed),
        lambda: ({"validation_data": test, "validation_batch_size": 5000}, []),
        "val_accuracy",
        {
            "adam": lambda: keras.optimizers.Adam(1e-2),
            "sqgn-reference": lambda: SQGN.reference(variance_reduction="cached", full_gradient_interval=10),
            "sqgn": SQGN,
        },
    )


def tomography_problem(
    survey: Survey,
    network: str,
    batch_size: int,
    micro_batch: int | None = None,
    loss: str = "squared",
    augment: str = "none",
    validation: bool = False,
) -> Problem:
    """The paper's section 6.2 on a survey, on its loss and without augmentation unless they are named.

    For `validation` the test models are not touched: the network is scored on training models that it is not trained
    on instead. Raises SettingError where the network does not suit the survey.
    """
    settings = Settings("sqgn", network, 1, batch_size, micro_batch=micro_batch, loss=loss, augment=augment)
    check_survey(settings, survey)
    samples = samples_of(network, survey, views=settings.views)
    train, test = survey.train, survey.test
    if validation:
        train, test = np.split(train, [unheld(len(train))])
    conditioning = samples.conditioning(train)

    def build(optimizer: keras.optimizers.Optimizer, seed: int) -> keras.Model:
        return make_model(replace(settings, seed=seed), conditioning, len(train), optimizer)

    return Problem(
        f"tomography, {network}",
        build,
        lambda seed: training_partition(samples, train, batch_size, seed, AUGMENTATIONS[augment]),
        lambda: ({}, [Scores(samples, test)]),
        "val_ssim",
        {
            "adam": lambda: keras.optimizers.Adam(ADAM_RATE),
            "sqgn-reference": lambda: SQGN.reference(variance_reduction="cached"),
            "sqgn": SQGN,
        },
    )


def stability(problem: Problem) -> Problem:
    """The problem with SQGN at learning rates 0.1 and 0.01 and each kind of variance reduction for contenders.

    A training whose accuracy is `STUCK` need not go on.
    """

    def optimizer(kind: str, rate: float) -> Callable[[], keras.optimizers.Optimizer]:
        return lambda: SQGN(learning_rate=rate, variance_reduction=kind)

    contenders = {f"{kind} {rate:g}": optimizer(kind, rate) for kind in ESTIMATORS for rate in (0.1, 0.01)}
    return replace(problem, name=f"{problem.name} stability", contenders=contenders, enough=STUCK)
