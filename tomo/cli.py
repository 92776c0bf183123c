"""The command line: `tomo COMMAND`, one module per command, and one line for every mistake of the user's."""

from __future__ import annotations

import os
import sys

from data_gen.errors import TomoError

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import typer

from tomo import __version__
from tomo.benchmark import benchmark
from tomo.evaluate import evaluate
from tomo.gallery import gallery
from tomo.generate import generate
from tomo.info import info
from tomo.predict import predict
from tomo.train import train

app = typer.Typer(
    help="Seismic tomography: generate surveys, train networks with Adam or SQGN, evaluate them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for command in (generate, info, gallery, train, evaluate, predict):
    app.command()(command)

app.add_typer(benchmark, name="benchmark")


def _print_version(value: bool) -> None:
    if value:
        print(f"tomo {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True),
) -> None:
    pass


def main() -> None:
    """Run the command line; a mistake of the user's is one line on stderr and exit status 2."""
    try:
        app()
    except TomoError as error:
        print(f"tomo: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        if error.filename is None:
            raise
        print(f"tomo: {error.filename}: {error.strerror}", file=sys.stderr)
        sys.exit(2)
