"""The command line: `tomo COMMAND`, one module per command, and one line for every mistake of the user's."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Annotated

import typer

from tomo import __version__
from tomo.acquisition import acquisition
from tomo.benchmark import benchmark
from tomo.console import verbosity
from tomo.ending import interruptible, run_to_its_end
from tomo.evaluate import evaluate
from tomo.export import export
from tomo.gallery import gallery
from tomo.generate import generate
from tomo.info import info
from tomo.predict import predict
from tomo.publish import publish
from tomo.refine import refine
from tomo.train import train

app = typer.Typer(
    help="Seismic tomography: generate surveys, train networks with Adam or SQGN, evaluate them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
CONTINUED = {"generate", "train"}
COMMANDS: tuple[Callable[..., None], ...] = (
    generate, acquisition, info, gallery, train, evaluate, predict, refine, export, publish,
)  # fmt: skip
for command in COMMANDS:
    app.command()(interruptible(command, continued=command.__name__ in CONTINUED))

app.add_typer(benchmark, name="benchmark")


def _print_version(value: bool) -> None:
    if value:
        print(f"tomo {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True)] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress, no remarks: results alone.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Say more, and show where an error came from.")] = False,
) -> None:
    verbosity.quiet, verbosity.verbose = quiet, verbose


def main() -> None:
    """Run the command line; a mistake of the user's is one line on stderr and exit status 2."""
    os.environ["PYTHONSAFEPATH"] = "1"  # processes that are started see no modules of the folder they stand in
    os.environ["MPLBACKEND"] = "agg"  # pictures are files, whatever the user's scripts show
    run_to_its_end(app)
