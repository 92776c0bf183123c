"""Training in Keras's own `fit`: the model, the optimizer, the callbacks, and going on after a kill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import keras
import numpy as np

from data_gen.errors import SettingError
from data_gen.files import locked, sweep
from data_gen.survey.reader import Survey
from models.conditioning import Conditioning
from models.registry import NETWORKS
from training.archive import Card, save_network
from training.augmentation import AUGMENTATIONS
from training.callbacks import Average, Checkpoint, Diverged, Scores, assign
from training.decision import AS_ANSWERED, Decision, choose_decision
from training.log import Log
from training.loss import LOSSES
from training.optimizers import make_optimizer
from training.panels import samples_of
from training.pipeline import in_order, training_partition
from training.runs import Run, split
from training.samples import PanelSamples, Samples, mean_velocity
from training.settings import PRECISIONS, Settings
from training.sqgn import SecondOrderModel
from training.start import begin, conditioning_of, definition_of


def check_survey(settings: Settings, survey: Survey) -> None:
    """Raise SettingError where the network cannot be built for the survey, or models are too few for a mini-batch."""
    shape = survey.acquisition.gather_shape
    if not NETWORKS[settings.network].suits(shape):
        raise SettingError(f"gathers of {shape} are too small for the network {settings.network!r}")
    learn, _ = split(survey, settings.validation)
    if settings.batch_size > len(learn):
        raise SettingError(
            f"{survey.name} has {len(learn)} models to train on, too few for mini-batches of {settings.batch_size}"
        )


def make_model(
    settings: Settings, conditioning: Conditioning, models: int, optimizer: keras.optimizers.Optimizer | None = None
) -> SecondOrderModel:
    """The network around these statistics of so many training models, compiled with the given optimizer or the one
    that the settings name."""
    policy = PRECISIONS[settings.precision]
    model = NETWORKS[settings.network].build(conditioning, SecondOrderModel, settings.seed, policy)
    model.micro_batch = settings.micro_batch
    iterations = settings.epochs * -(-models // settings.batch_size)
    optimizer = optimizer or make_optimizer(
        settings.optimizer, settings.learning_rate, settings.schedule, iterations,
        curvature_interval=settings.curvature_interval, max_step=settings.max_step,
    )  # fmt: skip
    model.compile(optimizer=optimizer, loss=LOSSES[settings.loss](), jit_compile=False)
    return model


def _in_single_precision(model: keras.Model, settings: Settings, conditioning: Conditioning) -> keras.Model:
    """The trained network as a plain Keras model, in float32: it runs anywhere."""
    final = NETWORKS[settings.network].build(conditioning, keras.Model, settings.seed, "float32")
    final.set_weights(model.get_weights())
    return final


def decision_for(network: keras.Model, samples: Samples, validation: np.ndarray) -> Decision:
    """Which of the network's answers are salt, chosen on the models of these indices.

    Panels in the best reference alone decide, which are there.
    """
    if not len(validation):
        return AS_ANSWERED
    answers = []
    for inputs, _ in in_order(samples, validation):
        mirrored = network.predict_on_batch(inputs[:, :, ::-1])[..., ::-1]
        answers.append((network.predict_on_batch(inputs) + mirrored) / 2)
    return choose_decision(np.concatenate(answers), samples.survey.velocity(validation))


def train(
    run: Run,
    survey: Survey,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    samples: Samples | None = None,
    keep_checkpoint: bool = False,
) -> keras.Model:
    """Train a run to its last epoch, from its checkpoint if it has one; returns the final model, also on disk.

    The weights after a kill and a second call are those of an uninterrupted training, to the bit. With models held
    back for validation the final weights are those of the best epoch, else of the last. The checkpoint, with the
    optimizer's state, is removed at the end unless it is to be kept. `samples` are those of the survey, if they have
    been made already.
    Raises SettingError as `check_survey`, MachineError where another process trains the run or a file cannot be
    written, DataError for a damaged checkpoint.
    """
    settings = run.settings
    check_survey(settings, survey)
    with locked(run.folder, "tomo train"):
        sweep(run.folder)
        keras.utils.set_random_seed(settings.seed)
        samples = samples or samples_of(
            settings.network, survey, definition_of(run), views=settings.views, noise=settings.noisy_views
        )
        samples.verify()
        learn, validation = split(survey, settings.validation)
        conditioning = conditioning_of(run) or samples.conditioning(learn)
        model = make_model(replace(settings, epochs=run.scheduled_epochs), conditioning, len(learn))
        augmentation = AUGMENTATIONS[settings.augment]
        partition = training_partition(samples, learn, settings.batch_size, settings.seed, augmentation)
        average = Average(settings.average)
        checkpoint = Checkpoint(run, len(partition), average)
        begin(run, model, average, checkpoint)
        checkpoint.restore(model)
        log = Log(run.log_file, settings.epochs)
        what = f"{settings.optimizer} on {settings.network}, {len(learn)} models of {survey.name}"
        if not checkpoint.over:
            with log.training(what, checkpoint.epoch):
                model.fit(
                    partition,
                    epochs=settings.epochs,
                    initial_epoch=checkpoint.epoch,
                    verbose=0,
                    callbacks=[
                        Diverged(),
                        Scores(samples, validation, average),
                        average,
                        keras.callbacks.TensorBoard(run.folder / "tensorboard", write_graph=False),
                        log,
                        *callbacks,
                        checkpoint,
                    ],
                )
        assign(model, average.weights if average.best is None else average.best)
        final = _in_single_precision(model, settings, conditioning)
        card = Card(settings, run.acquisition, mean_velocity(survey, survey.train))
        if isinstance(samples, PanelSamples):
            card = replace(card, panels=samples.definition, decision=decision_for(final, samples, validation))
        save_network(final, card, run.model_file)
        if not keep_checkpoint:
            run.checkpoint_file.unlink(missing_ok=True)
        return final
