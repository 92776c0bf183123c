"""`tomo publish`: the network of a run as one small file, to be shared."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from data_gen.errors import DataError, SettingError
from tomo.tensorflow import load_tensorflow


def publish(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    output: Annotated[Path, typer.Argument(help="The file to write; its name ends in .keras.")],
) -> None:
    """Write the network of a run, in half precision and compressed, with all that it needs to be used."""
    if output.suffix != ".keras":
        raise SettingError(f"{output} is no name of a network: choose one that ends in .keras")
    if output.exists():
        raise DataError(f"{output} already exists: choose another name")
    load_tensorflow()
    from training.archive import publish as publish_network
    from training.runs import open_run

    publish_network(open_run(run).model_file, output)
    print(f"{output}: {output.stat().st_size / 1e6:.1f} MB")
