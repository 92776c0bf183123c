"""Gradient estimators: what Algorithm 1 of Thiele et al. (2021) uses as `g_k` in line 8.

With `g(w)` the gradient of the loss over the mini-batch S_k and w~ the weights at the last full gradient mu:

    none     g_k = g(w_k)                                         one gradient
    svrg     g_k = g(w_k) - g(w~) + mu                            two, and a full gradient every K iterations
    cached   the same iterates; g(w~) is kept from the full pass  one, and a full gradient every K iterations
    saga     g_k = g(w_k) - t_i + mean(t),  then t_i = g(w_k)     one, and a single full gradient at the start
    storm    g_k = g(w_k) + (1 - a) (g_{k-1} - g(w_{k-1}))        two, no full gradient

(svrg: Johnson and Zhang 2013; saga: Defazio, Bach and Lacoste-Julien 2014, on mini-batches; storm: Cutkosky and
Orabona 2019.) `cached` and `saga` store one gradient per mini-batch, so they must know which one they are given: train
them on a `Partition`. Estimators keep their state in the optimizer's variables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

Blocks = Sequence[tf.Tensor]
AddVariable = Callable[..., Any]


def assign(variables: Sequence[Any], values: Blocks) -> None:
    """Assign each value to its variable."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _add_to_mean(mean: Sequence[Any], g: Blocks, share: tf.Tensor) -> None:
    assign(mean, [mu + tf.cast(share, block.dtype) * (block - mu) for mu, block in zip(mean, g, strict=True)])


class Plain:
    """`none`: the mini-batch's own gradient."""

    stores_batches = False
    fixed_batches = False

    def __init__(self, add: AddVariable, weights: Sequence[Any], batches: int | None) -> None:
        pass

    def full_gradient_due(self, iteration: int, interval: int) -> bool:
        """Whether the full gradient is to be evaluated before this iteration."""
        return False

    def begin_full_gradient(self, weights: Blocks) -> None:
        """Start a full gradient at these weights."""

    def add_to_full_gradient(self, batch: tf.Tensor, g: Blocks, share: tf.Tensor) -> None:
        """Add mini-batch number `batch` with gradient g; `share` is its part of the samples seen so far."""

    def second_point(self) -> list[Any] | None:
        """The weights at which a second gradient of the mini-batch is wanted, or None."""
        return None

    def estimate(
        self, iteration: tf.Tensor, batch: tf.Tensor, w: Blocks, g: Blocks, g2: Blocks | None, sound: tf.Tensor
    ) -> Blocks:
        """Return g_k from the gradients of the mini-batch at w_k and at the second point; keep only what is sound."""
        return g


class SVRG(Plain):
    """`svrg`: lines 3 to 8 of Algorithm 1."""

    def __init__(self, add: AddVariable, weights: Sequence[Any], batches: int | None) -> None:
        self.snapshot = [add(w.shape, name="snapshot") for w in weights]
        self.mu = [add(w.shape, name="full_gradient") for w in weights]

    def full_gradient_due(self, iteration: int, interval: int) -> bool:
        return iteration % interval == 0

    def begin_full_gradient(self, weights: Blocks) -> None:
        assign(self.snapshot, weights)

    def add_to_full_gradient(self, batch: tf.Tensor, g: Blocks, share: tf.Tensor) -> None:
        _add_to_mean(self.mu, g, share)

    def second_point(self) -> list[Any] | None:
        return self.snapshot

    def estimate(
        self, iteration: tf.Tensor, batch: tf.Tensor, w: Blocks, g: Blocks, g2: Blocks | None, sound: tf.Tensor
    ) -> Blocks:
        assert g2 is not None
        return [a - b + mu for a, b, mu in zip(g, g2, self.mu, strict=True)]


class Cached(Plain):
    """`cached`: SVRG whose snapshot gradients are kept from the full pass over the same partition."""

    stores_batches = True

    def __init__(self, add: AddVariable, weights: Sequence[Any], batches: int | None) -> None:
        self.table = [add((batches, *w.shape), name="batch_gradients") for w in weights]
        self.mu = [add(w.shape, name="full_gradient") for w in weights]

    def full_gradient_due(self, iteration: int, interval: int) -> bool:
        return iteration % interval == 0

    def add_to_full_gradient(self, batch: tf.Tensor, g: Blocks, share: tf.Tensor) -> None:
        _add_to_mean(self.mu, g, share)
        self._store(batch, g)

    def estimate(
        self, iteration: tf.Tensor, batch: tf.Tensor, w: Blocks, g: Blocks, g2: Blocks | None, sound: tf.Tensor
    ) -> Blocks:
        return [a - rows.value[batch] + mu for a, rows, mu in zip(g, self.table, self.mu, strict=True)]

    def _store(self, batch: tf.Tensor, g: Blocks) -> None:
        for rows, block in zip(self.table, g, strict=True):
            rows.value.scatter_update(tf.IndexedSlices(block[None], batch[None]))


class SAGA(Cached):
    """`saga`: every mini-batch's latest gradient is kept, and mini-batches keep their samples."""

    fixed_batches = True

    def full_gradient_due(self, iteration: int, interval: int) -> bool:
        return iteration == 0

    def estimate(
        self, iteration: tf.Tensor, batch: tf.Tensor, w: Blocks, g: Blocks, g2: Blocks | None, sound: tf.Tensor
    ) -> Blocks:
        g = [tf.where(sound, a, rows.value[batch]) for a, rows in zip(g, self.table, strict=True)]
        changes = [a - rows.value[batch] for a, rows in zip(g, self.table, strict=True)]
        g_k = [change + mu for change, mu in zip(changes, self.mu, strict=True)]
        batches = self.table[0].shape[0]
        assign(self.mu, [mu + change / batches for mu, change in zip(self.mu, changes, strict=True)])
        self._store(batch, g)
        return g_k


class STORM(Plain):
    """`storm`: momentum corrected by the mini-batch's own gradient at the previous weights."""

    decay = 0.1

    def __init__(self, add: AddVariable, weights: Sequence[Any], batches: int | None) -> None:
        self.previous = [add(w.shape, name="previous_weights") for w in weights]
        self.average = [add(w.shape, name="gradient_average") for w in weights]

    def second_point(self) -> list[Any] | None:
        return self.previous

    def estimate(
        self, iteration: tf.Tensor, batch: tf.Tensor, w: Blocks, g: Blocks, g2: Blocks | None, sound: tf.Tensor
    ) -> Blocks:
        assert g2 is not None
        keep = tf.where(iteration == 0, 0.0, 1.0 - self.decay)
        g_k = [a + tf.cast(keep, a.dtype) * (average - b) for a, b, average in zip(g, g2, self.average, strict=True)]
        assign(self.previous, [tf.where(sound, a, b) for a, b in zip(w, self.previous, strict=True)])
        assign(self.average, [tf.where(sound, a, b) for a, b in zip(g_k, self.average, strict=True)])
        return g_k


ESTIMATORS: dict[str, type[Plain]] = {
    "none": Plain,
    "svrg": SVRG,
    "cached": Cached,
    "saga": SAGA,
    "storm": STORM,
}


class Partition:
    """Mini-batches that are a partition of the training set, drawn anew each epoch from (seed, epoch).

    The epoch is read from the optimizer's iteration count when an epoch is begun, so that a second pass over the data
    within an epoch sees the same mini-batches, and a resumed training the ones it would have seen.

    `read(indices, seed) -> (x, y)` returns the samples with these numbers, int64 (batch,); the seed, int32 (2,), is for
    augmentation and depends on the seed, the epoch and the mini-batch. It is traced.
    """

    def __init__(
        self, read: Callable[[tf.Tensor, tf.Tensor], Any], samples: int, batch_size: int, seed: int = 0
    ) -> None:
        if not 0 < batch_size <= samples:
            raise ValueError(f"The batch size must be between 1 and the {samples} samples, not {batch_size}.")
        self.read = read
        self.samples = samples
        self.batch_size = batch_size
        self.seed = seed

    def __len__(self) -> int:
        return -(-self.samples // self.batch_size)

    @classmethod
    def of_arrays(cls, x: Any, y: Any, batch_size: int, seed: int = 0) -> Partition:
        """The partition of samples held in memory."""
        x, y = tf.convert_to_tensor(x), tf.convert_to_tensor(y)

        def read(indices: tf.Tensor, _seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return tf.gather(x, indices), tf.gather(y, indices)

        return cls(read, len(x), batch_size, seed)

    def dataset(self, optimizer: Any) -> tf.data.Dataset:
        """The mini-batches as a dataset to be given to `fit`, in step with the optimizer's iterations."""
        fixed = getattr(optimizer, "fixed_batches", False)

        def batches() -> Any:
            epoch = 0 if fixed else int(tf.convert_to_tensor(optimizer.iterations)) // len(self)
            order = np.random.default_rng([self.seed, epoch]).permutation(self.samples)
            for number, start in enumerate(range(0, self.samples, self.batch_size)):
                yield order[start : start + self.batch_size], (self.seed, epoch * len(self) + number)

        signature = (tf.TensorSpec((None,), tf.int64), tf.TensorSpec((2,), tf.int32))
        dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
        dataset = dataset.map(self.read, num_parallel_calls=1, deterministic=True)
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(self))).prefetch(1)
        dataset.partition = self
        return dataset
