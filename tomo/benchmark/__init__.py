"""`tomo benchmark`: measurements that take minutes to hours; trainings are continued by typing the command again."""

from __future__ import annotations

import typer

from tomo.benchmark.gradient import gradient
from tomo.benchmark.imaging import imaging
from tomo.benchmark.lines import lines
from tomo.benchmark.memory import memory
from tomo.benchmark.migration import migration
from tomo.benchmark.optimizer import optimizer
from tomo.benchmark.refinement import refinement
from tomo.benchmark.simulator import simulator
from tomo.benchmark.stability import stability

benchmark = typer.Typer(help="Measure the parts of tomo against their peers.", no_args_is_help=True)
for command in (simulator, gradient, migration, imaging, lines, refinement, optimizer, stability, memory):
    benchmark.command()(command)
