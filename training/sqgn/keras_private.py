"""What is not public in Keras and TensorFlow and is used all the same, each name once.

`tests/training/sqgn/test_keras_private.py` says which of them has moved in a new version. It passes with Keras 3.12
and 3.15 on TensorFlow 2.21.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras.src.models.functional import Functional
from keras.src.models.model import functional_init_arguments
from keras.src.utils.rng_utils import get_random_seed
from tensorflow.python.framework.ops import gradient_registry

SEED_STATE = "seed_generator_state"


def is_functional(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether these arguments of a model's constructor are its inputs and outputs."""
    return functional_init_arguments(args, kwargs)


def functional(cls: type[Any]) -> type[Any]:
    """The subclass of a model class whose models are made of inputs and outputs, saved and loaded by the same name.

    Keras would instead put `Functional` among the bases of the class itself, and of all between it and `Model`, with
    the first such model. From then on, models of these classes with a `call` of their own could not be built.
    """
    if issubclass(cls, Functional):
        return cls
    if cls in _FUNCTIONAL:
        return _FUNCTIONAL[cls]
    made = type(cls.__name__, (cls, Functional), {"__module__": cls.__module__, "__doc__": cls.__doc__})
    package, _, name = keras.saving.get_registered_name(cls).rpartition(">")
    _FUNCTIONAL[cls] = keras.saving.register_keras_serializable(package, name)(made) if package else made
    return _FUNCTIONAL[cls]


_FUNCTIONAL: dict[type[Any], type[Any]] = {}


def layers_of(model: keras.Model) -> list[keras.Layer]:
    """All layers of a model, those inside its layers included, and the model itself."""
    return list(model._flatten_layers())


def takes_training(model: keras.Model) -> bool:
    """Whether the model's `call` has an argument `training`."""
    return "training" in inspect.signature(model.call).parameters


def learning_rate_of(optimizer: keras.optimizers.Optimizer) -> Any:
    """The learning rate as the optimizer was given it: a variable of its number, or a schedule."""
    return getattr(optimizer, "_learning_rate", None)


def note_loss(model: keras.Model, loss: tf.Tensor, samples: tf.Tensor) -> None:
    """Add a mini-batch's mean loss to the mean that `fit` reports."""
    model._loss_tracker.update_state(loss, sample_weight=samples)


def loss_options(loss: Any) -> dict[str, Any]:
    """The keyword arguments, such as `from_logits`, that a Keras loss gives its function."""
    return getattr(loss, "_fn_kwargs", {})


def is_masked(tensor: Any) -> bool:
    """Whether a layer has marked some of the tensor's time steps as padding."""
    return getattr(tensor, "_keras_mask", None) is not None


def is_seed(variable: keras.Variable) -> bool:
    """Whether a variable is the state of a layer's random generator."""
    return variable.name == SEED_STATE


def random_seed() -> int:
    """The seed last given to `keras.utils.set_random_seed`, or 0."""
    return get_random_seed() or 0


def trained_variables(optimizer: keras.optimizers.Optimizer) -> Sequence[keras.Variable]:
    """The variables that the optimizer was built for."""
    return optimizer._trainable_variables


def decays(optimizer: keras.optimizers.Optimizer, variable: keras.Variable) -> bool:
    """Whether a variable is not one of `exclude_from_weight_decay`."""
    return optimizer._use_weight_decay(variable)


def averages(optimizer: keras.optimizers.Optimizer) -> Sequence[keras.Variable]:
    """The moving averages of the variables under `use_ema`."""
    return optimizer._model_variables_moving_average


def write_row(matrix: keras.Variable, number: tf.Tensor, row: tf.Tensor) -> None:
    """Write one row of a matrix variable in place.

    TensorFlow copies a variable that was written in part whenever it is read, from then on; that is switched off again.
    Now it is the write that copies all, if somebody still holds what was read: let the write come after all uses.
    """
    row = tf.cast(row, matrix.dtype)
    matrix.value.scatter_update(tf.IndexedSlices(row[None], number[None]))
    for variable in tf.distribute.get_strategy().experimental_local_results(matrix.value):
        tf.raw_ops.DisableCopyOnRead(resource=variable.handle)


@contextlib.contextmanager
def differentiable_resizing() -> Iterator[None]:
    """Give bilinear resizing a gradient that has a derivative itself; TensorFlow's is declared to have none.

    `tf.GradientTape` takes "not differentiable" for zero: a Gauss-Newton product would silently lose what goes through
    `UpSampling2D(interpolation="bilinear")` (127 % wrong in a small network), or, where a skip connection is joined to
    it, fail in the next convolution ("input depth must be evenly divisible by filter depth"): of the joined tangents
    only the skip connection's is left, padded to its place, and Grappler's pruning of what that does not need cuts off
    the padding too. The gradient is linear in what comes in, and its transpose is the resizing itself.
    """
    entries = gradient_registry._registry
    before = entries["ResizeBilinear"]
    entries["ResizeBilinear"] = {**before, "type": _resize_bilinear_gradient}
    try:
        yield
    finally:
        entries["ResizeBilinear"] = before


def _resize_bilinear_gradient(op: Any, grad: tf.Tensor) -> list[tf.Tensor | None]:
    image = op.inputs[0]
    options = {name: op.get_attr(name) for name in ("align_corners", "half_pixel_centers")}

    @tf.custom_gradient
    def transpose(g: tf.Tensor) -> tuple[tf.Tensor, Any]:
        def resize(z: tf.Tensor) -> tf.Tensor:
            return tf.raw_ops.ResizeBilinear(images=z, size=tf.shape(g)[1:3], **options)

        return tf.raw_ops.ResizeBilinearGrad(grads=g, original_image=image, **options), resize

    return [transpose(grad), None]
