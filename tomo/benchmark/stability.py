"""`tomo benchmark stability`: how often SQGN gets stuck or diverges."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tomo.console import print_table, remark, table
from tomo.tensorflow import load_tensorflow


def stability(
    data: Annotated[Path, typer.Option(help="Folder of the MNIST files.")],
    output: Annotated[Path, typer.Option(help="JSON file of the results; an interrupted benchmark is continued.")],
    epochs: Annotated[int, typer.Option(min=1, help="The most epochs; a training ends when it is past half way.")] = 5,
    seeds: Annotated[int, typer.Option(min=1, help="Repetitions, with seeds 0, 1, ...")] = 100,
    only: Annotated[list[str] | None, typer.Option(help="Such as 'svrg 0.01'; all of them if none.")] = None,
) -> None:
    """Count how often SQGN gets stuck or diverges on MNIST: learning rates 0.1 and 0.01, all variance reductions."""
    load_tensorflow()
    from training.benchmark.comparison import compare, failures
    from training.benchmark.paper import STUCK
    from training.benchmark.problems import mnist_problem
    from training.benchmark.problems import stability as stability_of

    problem = stability_of(mnist_problem(data))
    results = compare(problem, range(seeds), epochs, output, only or (), rounds=0, progress=remark)
    counts = table("", "trainings", "diverged", "stuck", "lowest accuracy", "most epochs", "roll-backs")
    for contender, row in failures(results, STUCK).items():
        counts.add_row(
            contender, str(row["repetitions"]), str(row["diverged"]), str(row["stuck"]),
            f"{row['lowest_score']:.3f}", str(row["most_epochs"]), f"{row['rollbacks']:.0f}",
        )  # fmt: skip
    print_table(counts)
