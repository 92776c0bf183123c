"""`tomo predict`: the network of a run on somebody's own gathers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from data_gen.errors import DataError, SettingError
from tomo.tensorflow import load_tensorflow

if TYPE_CHECKING:
    import numpy as np

    from training.prediction import Gathers
    from training.runs import Run

FORMATS = (".h5", ".hdf5", ".nc")


def predict(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    gathers: Annotated[
        Path,
        typer.Argument(
            help="HDF5 or netCDF file with pressure `gathers` (model, source, receiver, time), or one survey "
            "(source, receiver, time); or such an array as .npy. Real numbers of any type."
        ),
    ],
    output: Annotated[Path, typer.Option(help="HDF5 file to write: `velocity` (model, depth, x) in m/s.")] = Path(
        "prediction.h5"
    ),
    physics: Annotated[
        int,
        typer.Option(
            min=0,
            help="Simulate the surveys of this many predictions and report how far they are from the given gathers: "
            "RMS of the difference over RMS of the gathers, after the amplitude factor that fits best.",
        ),
    ] = 0,
    rescale: Annotated[
        bool,
        typer.Option("--rescale", help="Gathers are of another unit: bring their RMS to that of the training gathers."),
    ] = False,
) -> None:
    """Predict velocity models from gathers recorded with the geometry that the run was trained for."""
    load_tensorflow()
    from figures.velocity import velocity_panels
    from training.evaluation.evaluate import load_network
    from training.prediction import in_the_network_s_unit, open_gathers, predict_gathers, write_prediction
    from training.runs import open_run

    opened = open_run(run)
    if output.suffix.lower() not in FORMATS:
        raise SettingError(f"{output} is no name of an HDF5 file: choose one that ends in {', '.join(FORMATS)}")
    if output.exists():
        raise DataError(f"{output} already exists: choose another name")
    given = open_gathers(gathers, opened.acquisition)
    network = load_network(opened)
    given = in_the_network_s_unit(given, network, rescale)
    if rescale:
        print(f"Gathers are multiplied by {given.factor:.4g}")
    velocity = predict_gathers(network, given)
    found = _physics(velocity[:physics], given, opened, output) if physics else {}
    write_prediction(output, velocity, opened.acquisition, found)
    velocity_panels(
        {"prediction": velocity[:4]},
        opened.acquisition.spacing,
        samples=[f"model {i}" for i in range(len(velocity[:4]))],
    ).savefig(output.with_suffix(".png"), dpi=150)
    print(f"{len(velocity)} velocity models: {output}, the first of them drawn in {output.with_suffix('.png')}")


def _physics(velocity: np.ndarray, gathers: Gathers, run: Run, output: Path) -> dict[str, np.ndarray]:
    """Misfit and amplitude (model,) of all models, NaN where not simulated; a table and a figure of those that were."""
    import numpy as np

    from data_gen.simulator.acoustic import Simulator
    from tomo.physics import draw, explain
    from training.evaluation.evaluate import mean_model

    simulator = Simulator(run.acquisition)

    def given() -> Iterator[np.ndarray]:
        return (gathers[i : i + 1][0] for i in range(len(velocity)))

    explained = explain(velocity, given(), simulator, fit_amplitude=True)
    columns = {"data misfit": explained.misfit, "amplitude": explained.amplitude}
    if run.survey.exists():
        mean = np.broadcast_to(mean_model(run), velocity.shape)
        columns["data misfit of the mean model"] = explain(mean, given(), simulator, fit_amplitude=True).misfit
    table = Table("model", *columns)
    for model, row in enumerate(zip(*columns.values(), strict=True)):
        table.add_row(str(model), *(f"{value:.3f}" for value in row))
    Console().print(table)
    output.parent.mkdir(parents=True, exist_ok=True)
    draw(explained, run.acquisition, run.name, output.with_suffix(".gathers.png"))
    missing = np.full(len(gathers) - len(velocity), np.nan)
    return {
        "data_misfit": np.concatenate([explained.misfit, missing]),
        "amplitude": np.concatenate([explained.amplitude, missing]),
    }
