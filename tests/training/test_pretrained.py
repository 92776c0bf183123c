"""The network that comes along sees salt that it was not trained on, and is small."""

from __future__ import annotations

import numpy as np

import training
from data_gen.geology import random_model
from data_gen.simulator.acoustic import Simulator
from tomo.presets import PRESETS
from training.evaluation.scores import mean_scores, score
from training.predictor import network_file


def test_it_images_models_that_it_has_not_seen():
    """Seed 7 is nobody's training; on 160 test models the RMSE is half of the mean model's."""
    line = PRESETS["laptop"].acquisition
    velocity = np.stack([random_model(np.random.default_rng([7, i]), line).velocity for i in range(6)])
    simulator = Simulator(line)
    predictor = training.load("pretrained")
    prediction = predictor.predict(np.stack([simulator.gather(model) for model in velocity]))
    mean = np.broadcast_to(predictor.card.mean_velocity, velocity.shape)
    ours, baseline = (
        mean_scores(score(images, velocity, line.velocity_limits, line.grid.spacing)) for images in (prediction, mean)
    )
    assert ours.rmse < 0.7 * baseline.rmse
    assert ours.ssim > baseline.ssim + 0.05
    assert ours.salt_iou > 0.4


def test_it_is_small():
    assert network_file("pretrained").stat().st_size < 5e6
