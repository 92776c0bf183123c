"""What the tables in section 6 of Thiele et al. (2021) consist of: each training once, and the rows that show it.

The paper's SQGN is run with "cached" variance reduction, which gives the iterates of SVRG's for a gradient less; so is
SVRG itself. SQGN with this project's defaults stands beside them. Numbers of the paper are those it prints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from data_gen.errors import SettingError

SEEDS = 5
"""The paper's repetitions."""

STUCK = 0.55
"""An accuracy on MNIST below which a training got stuck: half way from chance to 1."""


@dataclass(frozen=True)
class Training:
    """One training: an optimizer of `training.optimizers` with a rate and options, and |S| = `batch_size`."""

    optimizer: str
    rate: float
    batch_size: int
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """A row of a table: what it is called, whose results it shows, and what the paper has there.

    `loss` is cross-entropy or (m/s)², `score` accuracy or SSIM, `seconds` those of an iteration; None where the paper
    says nothing.
    """

    title: str
    training: str
    loss: float | None = None
    score: float | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Table:
    """A table of the paper."""

    title: str
    rows: Sequence[Row]


@dataclass(frozen=True)
class Experiment:
    """Trainings by name, in the order in which they are done, and tables by name.

    An epoch has so many `iterations`, or passes over the data once (None). A training whose score stays below `stuck`
    is counted apart. `panels` are the rows of the figure that shows how trainings converge.
    """

    name: str
    epochs: int
    iterations: int | None
    stuck: float | None
    trainings: Mapping[str, Training]
    tables: Mapping[str, Table]
    panels: Sequence[Sequence[str | None]]

    def got_stuck(self, loss: Sequence[float], score: Sequence[float]) -> bool:
        """Whether a training is to be counted apart, by its curves.

        Its accuracy ends below `stuck`, or, where there is none, its loss never came 5 % below the first epoch's, as
        that of a network which answers with the mean model.
        """
        if self.stuck is not None:
            return score[-1] < self.stuck
        return len(loss) > 1 and min(loss) > 0.95 * loss[0]

    @property
    def titles(self) -> dict[str, str]:
        """What the first table calls its trainings."""
        first = next(iter(self.tables.values()))
        return {row.training: row.title for row in first.rows}

    def chosen(self, only: Sequence[str]) -> list[str]:
        """The trainings of these tables, or with these names; all if none is given.

        Raises SettingError for a name that is neither's.
        """
        names = set()
        for name in only:
            if name not in (*self.tables, *self.trainings):
                known = ", ".join((*self.tables, *self.trainings))
                raise SettingError(f"unknown table or training {name!r}: choose from {known}")
            names |= {row.training for row in self.tables[name].rows} if name in self.tables else {name}
        return [name for name in self.trainings if name in names or not only]


def _mnist() -> Experiment:
    def published(rate: float = 0.1, batch_size: int = 1000, **changes: Any) -> Training:
        cached = {"variance_reduction": "cached", "full_gradient_interval": 10}
        return Training("sqgn-reference", rate, batch_size, {**cached, **changes})

    def ours(rate: float = 0.1, batch_size: int = 1000, **changes: Any) -> Training:
        return Training("sqgn", rate, batch_size, changes)

    svrg = {"variance_reduction": "cached", "full_gradient_interval": 10}
    trainings = {
        "sgd": Training("sgd", 1e-2, 1000),
        "adam": Training("adam", 1e-2, 1000),
        "sqgn": ours(),
        "sqgn-reference": published(),
        "svrg": Training("svrg", 1e-2, 1000, svrg),
        "adam-0.1": Training("adam", 1e-1, 1000),
        "adam-0.001": Training("adam", 1e-3, 1000),
        "adam-S100": Training("adam", 1e-2, 100),
        "sqgn-0.01": ours(1e-2),
        "sqgn-0.001": ours(1e-3),
        "sqgn-M10": ours(curvature_interval=10),
        "sqgn-T100": ours(curvature_fraction=0.1),
        "sqgn-S100": ours(batch_size=100, curvature_fraction=1.0),
        "sqgn-reference-plain": published(variance_reduction="none"),
        "sqgn-reference-S100": published(batch_size=100),
        "sqgn-reference-M10": published(curvature_interval=10),
        "sqgn-reference-T100": published(curvature_fraction=0.1),
        "sqgn-reference-0.01": published(1e-2),
        "sqgn-reference-0.001": published(1e-3),
    }
    tables = {
        "table-1": Table(
            "Table 1: baseline",
            (
                Row("SGD", "sgd", 0.141, 0.955, 0.007),
                Row("SVRG", "svrg", 0.147, 0.953, 0.039),
                Row("Adam", "adam", 0.088, 0.973, 0.007),
                Row("SQGN as published", "sqgn-reference", 0.082, 0.978, 0.057),
                Row("SQGN", "sqgn"),
            ),
        ),
        "table-2": Table(
            "Table 2: learning rates",
            (
                Row("Adam, 0.1", "adam-0.1", 2.303, 0.111),
                Row("Adam, 0.01", "adam", 0.088, 0.973),
                Row("Adam, 0.001", "adam-0.001", 0.099, 0.969),
                Row("SQGN as published, 0.1", "sqgn-reference", 0.082, 0.978),
                Row("SQGN as published, 0.01", "sqgn-reference-0.01", 0.074, 0.979),
                Row("SQGN as published, 0.001", "sqgn-reference-0.001", 0.146, 0.955),
                Row("SQGN, 0.1", "sqgn"),
                Row("SQGN, 0.01", "sqgn-0.01"),
                Row("SQGN, 0.001", "sqgn-0.001"),
            ),
        ),
        "table-3": Table(
            "Table 3: mini-batches S, T and interval M of the Gauss-Newton operator",
            (
                Row("Adam, S 1,000", "adam", 0.088, 0.973, 0.007),
                Row("Adam, S 100", "adam-S100", 0.178, 0.945, 0.003),
                Row("SQGN as published, S 1,000, T 1,000, M 1", "sqgn-reference", 0.082, 0.978, 0.057),
                Row("SQGN as published, S 1,000, T 1,000, M 10", "sqgn-reference-M10", 0.082, 0.976, 0.049),
                Row("SQGN as published, S 1,000, T 100, M 1", "sqgn-reference-T100", 0.077, 0.977, 0.054),
                Row("SQGN as published, S 100, T 100, M 1", "sqgn-reference-S100", 0.079, 0.975, 0.047),
                Row("SQGN, S 1,000, T 250, M 1", "sqgn"),
                Row("SQGN, S 1,000, T 250, M 10", "sqgn-M10"),
                Row("SQGN, S 1,000, T 100, M 1", "sqgn-T100"),
                Row("SQGN, S 100, T 100, M 1", "sqgn-S100"),
            ),
        ),
        "section-6.1.4": Table(
            "Section 6.1.4: no variance reduction",
            (
                Row("SQGN as published", "sqgn-reference", 0.082, 0.978, 0.057),
                Row("SQGN as published, none", "sqgn-reference-plain", None, 0.95, 0.026),
            ),
        ),
    }
    panels = (("sgd", "svrg", None), ("adam", "sqgn-reference", "sqgn"))
    return Experiment("mnist", 100, 60, STUCK, trainings, tables, panels)


MNIST = _mnist()
"""The paper's section 6.1."""

STEP_LIMIT = 1.0
"""The longest step of SQGN as published on tomography, where it diverges without one."""

TOMOGRAPHY = Experiment(
    "tomography",
    200,
    None,
    None,
    {
        "adam-0.01": Training("adam", 1e-2, 100),
        "sqgn": Training("sqgn", 0.1, 100),
        "adam-0.001": Training("adam", 1e-3, 100),
        "sqgn-reference": Training(
            "sqgn-reference", 0.1, 100, {"variance_reduction": "cached", "max_step": STEP_LIMIT}
        ),
    },
    {
        "table-4": Table(
            "Table 4",
            (
                Row("Adam, 0.01", "adam-0.01", 8.7e8, 0.75, 1.3),
                Row("Adam, 0.001", "adam-0.001", 10.0e8, 0.73, 1.3),
                Row("SQGN as published, steps limited", "sqgn-reference", 8.5e8, 0.68, 4.5),
                Row("SQGN", "sqgn"),
            ),
        )
    },
    (("adam-0.01",), ("sqgn-reference",), ("sqgn",)),
)
"""The paper's section 6.2; full gradients once an epoch."""
