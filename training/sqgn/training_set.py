"""What `fit` is given to train on, as mini-batches (x, y) or (x, y, weight)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from .keras_private import random_seed
from .optimizer import SQGN
from .partition import Partition
from .refusals import refuse


def examples(data: Any) -> tuple[Any, ...]:
    """A mini-batch (x, y) or (x, y, weight) as Keras gives it, y and weight as tensors.

    Raises ValueError where there is no y, or more than one.
    """
    x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
    targets, weights = ([v for v in keras.tree.flatten(part) if v is not None] for part in (y, weight))
    if len(targets) != 1 or len(weights) > 1:
        raise ValueError(f"SQGN and micro_batch need one target y for each sample, not {len(targets)}.")
    return x, *targets, *weights


@dataclass(frozen=True)
class TrainingSet:
    """The mini-batches that Keras is to iterate over.

    `dataset` is the training set once, where it can be passed over; `batches` are its mini-batches, None where their
    number is not known; `numbered` says whether a mini-batch is the same one whenever its number is.
    """

    mini_batches: Any
    dataset: tf.data.Dataset | None
    batches: int | None
    numbered: bool

    @classmethod
    def of(cls, x: Any, optimizer: SQGN, class_weight: Mapping[int, float] | None = None) -> TrainingSet:
        """A `Partition`, a dataset, or anything else that Keras iterates over, with class weights if there are any.

        Raises ValueError for arrays without targets, and where class weights would have to be Keras's own.
        """
        numbered = isinstance(x, Partition)
        if isinstance(x, Partition):
            x = x.dataset(optimizer)
        if x is None or all(hasattr(leaf, "shape") for leaf in keras.tree.flatten(x)):
            raise ValueError("SQGN trains on arrays x and y, on a Partition or on a dataset of pairs: there is no y.")
        if not isinstance(x, tf.data.Dataset):
            refuse("SQGN", {"class_weight but for arrays, a Partition or a dataset": class_weight is not None})
            return cls(x, None, None, False)
        if class_weight is not None:
            x = with_class_weights(x, class_weight)
        batches = int(x.cardinality())
        return cls(x, x, batches if batches > 0 else None, numbered)

    def check(self, optimizer: SQGN) -> None:
        """Raise ValueError where the optimizer's gradient estimator cannot work with these mini-batches."""
        kind, estimator = optimizer.variance_reduction, optimizer.estimator
        if estimator.stores_batches and not self.numbered:
            raise ValueError(
                f"Variance reduction {kind!r} keeps a gradient per mini-batch and must see the same mini-batches "
                "again: pass arrays, or a Partition, to fit()."
            )
        if estimator.full_gradients and self.batches is None:
            raise ValueError(f"Variance reduction {kind!r} needs a dataset of known, finite length.")
        if self.batches is not None:
            if optimizer.batches_per_epoch not in (None, self.batches) and estimator.stores_batches and optimizer.built:
                raise ValueError(f"SQGN was built for {optimizer.batches_per_epoch} mini-batches, not {self.batches}.")
            estimator.check(self.batches, optimizer.full_gradient_interval)

    def peek(self) -> tuple[TrainingSet, Any]:
        """The training set, and the symbolic x of its mini-batches, of which a model can be built."""
        if self.dataset is not None:
            return self, _symbolic(examples(self.dataset.element_spec)[0])
        if isinstance(self.mini_batches, keras.utils.PyDataset):
            return self, _symbolic(examples(self.mini_batches[0])[0])
        rest = iter(self.mini_batches)
        first = next(rest)
        again = (batch for batch in itertools.chain([first], rest))
        return TrainingSet(again, None, None, False), _symbolic(examples(first)[0])


def _symbolic(x: Any) -> Any:
    return keras.tree.map_structure(lambda a: keras.KerasTensor((None, *a.shape[1:]), _name_of(a.dtype)), x)


def _name_of(dtype: Any) -> str:
    return getattr(dtype, "name", None) or str(dtype)


def partition_of(x: Any, y: Any, weight: Any, batch_size: int | None, shuffle: bool) -> Partition:
    """Arrays as a partition, whose seed is that of `keras.utils.set_random_seed`."""
    samples = len(keras.tree.flatten(x)[0])
    return Partition.of_arrays(x, y, min(batch_size or 32, samples), random_seed(), weight, shuffle)


def split(arrays: Any, share: float) -> tuple[Any, Any]:
    """Arrays of samples cut in two: the last share of them, as Keras does it, is for validation.

    Raises ValueError where one part would be empty.
    """
    samples = len(next(leaf for leaf in keras.tree.flatten(arrays) if leaf is not None))
    at = int(np.floor(samples * (1.0 - share)))
    if not 0 < at < samples:
        raise ValueError(f"validation_split={share} of {samples} samples leaves one part empty.")
    return (
        keras.tree.map_structure(lambda a: None if a is None else a[:at], arrays),
        keras.tree.map_structure(lambda a: None if a is None else a[at:], arrays),
    )


def with_class_weights(dataset: tf.data.Dataset, class_weight: Mapping[int, float]) -> tf.data.Dataset:
    """Mini-batches whose samples count by their class: the number y, or the place of the 1 in one-hot labels.

    Classes that are not named count 1, as in Keras; weights of samples are multiplied by those of the classes.
    """
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(
            tf.constant([int(c) for c in class_weight], tf.int64),
            tf.constant([float(w) for w in class_weight.values()], tf.float32),
        ),
        default_value=1.0,
    )

    def weigh(*data: Any) -> tuple[Any, ...]:
        x, y, *weights = examples(data)
        if y.shape.rank > 1:
            y = tf.argmax(y, -1) if y.shape[-1] != 1 else y[..., 0]
        label = tf.cast(tf.round(y) if y.dtype.is_floating else y, tf.int64)
        weight = table.lookup(label)
        for given in weights:
            weight *= tf.cast(given, weight.dtype)
        return x, data[1], weight

    return dataset.map(weigh)
