"""`tomo predict`: the network of a run on somebody's own gathers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tomo.tensorflow import load_tensorflow


def predict(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    gathers: Annotated[Path, typer.Argument(help="HDF5 file with `gathers` (model, source, receiver, time).")],
    output: Annotated[Path, typer.Option(help="HDF5 file to write: `velocity` (model, depth, x) in m/s.")] = Path(
        "prediction.h5"
    ),
) -> None:
    """Predict velocity models from gathers recorded with the geometry that the run was trained for."""
    load_tensorflow()
    from figures.velocity import velocity_panels
    from training.evaluation import predict_file
    from training.runs import open_run

    opened = open_run(run)
    velocity = predict_file(opened, gathers, output)
    picture = output.with_suffix(".png")
    velocity_panels(
        {"prediction": velocity[:4]},
        opened.acquisition.spacing,
        samples=[f"model {i}" for i in range(len(velocity[:4]))],
    ).savefig(picture, dpi=150)
    print(f"{len(velocity)} velocity models: {output}, the first of them drawn in {picture}")
