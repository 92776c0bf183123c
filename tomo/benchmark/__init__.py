"""`tomo benchmark`: measurements that take minutes to hours; trainings are continued by typing the command again."""

from __future__ import annotations

from collections.abc import Callable

import typer

from tomo.benchmark.calibration import calibration
from tomo.benchmark.gradient import gradient
from tomo.benchmark.imaging import imaging
from tomo.benchmark.lines import lines
from tomo.benchmark.memory import memory
from tomo.benchmark.migration import migration
from tomo.benchmark.optimizer import optimizer
from tomo.benchmark.paper import mnist, tomography
from tomo.benchmark.refinement import refinement
from tomo.benchmark.rivals import rivals
from tomo.benchmark.simulator import simulator
from tomo.benchmark.stability import stability
from tomo.ending import interruptible

benchmark = typer.Typer(help="Measure the parts of tomo against their peers.", no_args_is_help=True)
CONTINUED = {"imaging", "refinement", "optimizer", "rivals", "stability"}
COMMANDS: tuple[Callable[..., None], ...] = (
    simulator, gradient, migration, imaging, lines, refinement, calibration, optimizer, rivals, stability,
    memory,
)  # fmt: skip
for command in COMMANDS:
    benchmark.command()(interruptible(command, continued=command.__name__ in CONTINUED))

paper = typer.Typer(help="The tables of the paper's section 6, its numbers beside ours.", no_args_is_help=True)
OF_THE_PAPER: tuple[Callable[..., None], ...] = (mnist, tomography)
for command in OF_THE_PAPER:
    paper.command()(interruptible(command, continued=True))
benchmark.add_typer(paper, name="paper")
