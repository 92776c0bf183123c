"""The tasks that optimizers compete on, each with two sizes of mini-batch and the rates around which they are tuned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data_gen.errors import SettingError
from data_gen.survey.reader import Survey
from training.benchmark.problems import Problem, mnist_problem, tomography_problem
from training.benchmark.rivals.autoencoder import autoencoder_problem
from training.benchmark.rivals.burgers import burgers_problem
from training.benchmark.rivals.contenders import CONTENDERS, MakeOptimizer
from training.optimizers import OPTIMIZERS
from training.recipes import IMAGING
from training.sqgn.falling import FALLING
from training.sqgn.optimizer import SQGN

SMALL_NETWORKS_HISTORY = 100
"""Curvature pairs where a gradient costs far more than they do, and has little noise (docs/experiments.md)."""


@dataclass(frozen=True)
class Task:
    """A task: `problem(batch_size, validation)`, and how its contenders are tuned: on problems for validation.

    `rates` are the middle of each one's grid, for the rivals those that are usual for such a network; SQGN's is 0.3
    everywhere but for `unet`, whose recipe has 0.1. `decay` is the weight decay of those that have one. `loss` names
    the loss among the logs of `Problem.validation`. `make` are contenders that are other here than in `CONTENDERS`.
    """

    name: str
    problem: Callable[[int, bool], Problem]
    batch_sizes: tuple[int, ...]
    rates: Mapping[str, float]
    decay: float = 0.004
    loss: str = "val_loss"
    make: Mapping[str, MakeOptimizer] = field(default_factory=dict)

    def contenders(self) -> dict[str, MakeOptimizer]:
        """All contenders by name."""
        return {**CONTENDERS, **self.make}

    def grid(self, contender: str) -> list[float]:
        """The rates that a contender is tuned over: its own first, then one below and one above."""
        rate = self.rates[contender]
        return [rate, next_rate(rate, -1), next_rate(rate, 1)]


def next_rate(rate: float, way: int) -> float:
    """The rate of a grid above (1) or below (-1) another, a factor of 3 away, of one digit."""
    return float(f"{rate * 3.0**way:.1g}")


def _mnist(data: Path) -> Task:
    rates = {"sgd": 0.1, "adam": 1e-2, "adamw": 1e-2, "muon": 1e-2, "lion": 1e-3, "sqgn": 0.3, "sqgn-m4": 0.3}
    return Task("mnist", lambda size, validation: mnist_problem(data, size, validation=validation), (100, 1000), rates)


def _autoencoder(data: Path) -> Task:
    rates = {"sgd": 1e-3, "adam": 1e-3, "adamw": 1e-3, "muon": 1e-3, "lion": 1e-4, "sqgn": 0.3, "sqgn-m4": 0.3}
    return Task(
        "autoencoder", lambda size, validation: autoencoder_problem(data, size, validation), (200, 2000), rates,
        decay=1e-4,
    )  # fmt: skip


def _pinn() -> Task:
    rates = {"sgd": 1e-3, "adam": 3e-3, "adamw": 3e-3, "muon": 3e-3, "lion": 3e-4, "sqgn": 0.3, "sqgn-m4": 0.3}
    options: dict[str, Any] = {**FALLING, "history": SMALL_NETWORKS_HISTORY}
    return Task(
        "pinn", burgers_problem, (500, 2000), rates, decay=1e-4,
        make={
            "sqgn": lambda rate, decay: SQGN(rate, **options),
            "sqgn-m4": lambda rate, decay: SQGN(rate, **options, curvature_interval=4, curvature_fraction=1.0),
        },
    )  # fmt: skip


def _unet(data: Path) -> Task:
    survey = Survey.open(data)
    rates = {"sgd": 1e-4, "adam": 2e-3, "adamw": 2e-3, "muon": 2e-3, "lion": 2e-4, "sqgn": 0.1, "sqgn-m4": 0.1}
    sqgn = OPTIMIZERS["sqgn"]
    options = {**sqgn.falling, "curvature_interval": IMAGING.curvature_interval, "max_step": IMAGING.max_step}
    return Task(
        "unet",
        lambda size, validation: tomography_problem(
            survey, "unet", size, loss=IMAGING.loss, augment="mirror", validation=validation
        ),
        (16, 48),
        rates,
        loss="val_objective",
        make={
            "adamw": lambda rate, decay: OPTIMIZERS["adamw"].make(rate),
            "sqgn": lambda rate, decay: sqgn.make(rate, **options),
            "sqgn-m4": lambda rate, decay: sqgn.make(rate, **options, curvature_fraction=1.0),
        },
    )


def _cnn(data: Path, network: str) -> Task:
    survey = Survey.open(data)
    rates = {"sgd": 1e-4, "adam": 3e-3, "adamw": 3e-3, "muon": 3e-3, "lion": 3e-4, "sqgn": 0.3, "sqgn-m4": 0.3}
    return Task(
        "cnn", lambda size, validation: tomography_problem(survey, network, size, validation=validation), (20, 100),
        rates, loss="val_objective",
    )  # fmt: skip


TASKS: dict[str, Callable[[Path, str], Task]] = {
    "mnist": lambda data, network: _mnist(data),
    "autoencoder": lambda data, network: _autoencoder(data),
    "pinn": lambda data, network: _pinn(),
    "unet": lambda data, network: _unet(data),
    "cnn": _cnn,
}
"""Name -> the task on the data of a folder, with the paper's network in that size."""
NEEDS = {"mnist": "the MNIST files", "autoencoder": "the MNIST files", "unet": "a survey", "cnn": "a survey"}
"""What lies in the folder that a task reads; a physics-informed network needs none."""


def task_named(name: str, data: Path | None, network: str = "cnn-demo") -> Task:
    """The task of a name, on the data of a folder; `network` is the paper's, in the size for the survey's gathers.

    Raises SettingError for an unknown name, and where the folder is missing.
    """
    if name not in TASKS:
        raise SettingError(f"unknown task {name!r}: choose from {', '.join(TASKS)}")
    if name in NEEDS and data is None:
        raise SettingError(f"the task {name} reads {NEEDS[name]}: give the folder with --data")
    return TASKS[name](data or Path(), network)
