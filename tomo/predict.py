"""`tomo predict`: the network of a run on somebody's own gathers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from data_gen.errors import DataError, SettingError
from data_gen.salt import is_salt
from tomo.console import print_table, progress, remark, table
from tomo.tensorflow import load_tensorflow

if TYPE_CHECKING:
    import numpy as np

    from training.evaluation.misfit import Explained
    from training.prediction import GatherFile
    from training.predictor import Predictor

FORMATS = (".h5", ".hdf5", ".nc")

DRAWN = 4
"""Models in the picture."""


def predict(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run, a .keras file, or `pretrained`.")],
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
        typer.Option(
            "--rescale",
            help="For networks that read gathers: these are of another unit, bring their RMS to the training's.",
        ),
    ] = False,
) -> None:
    """Predict velocity models from gathers recorded with the geometry that the run was trained for."""
    load_tensorflow()
    from figures.velocity import velocity_panels
    from tomo.pictures import draw_explained, save
    from training.prediction import (
        in_the_network_s_unit,
        measure_rms,
        open_gathers,
        predict_gathers,
        write_prediction,
    )
    from training.predictor import load

    if output.suffix.lower() not in FORMATS:
        raise SettingError(f"{output} is no name of an HDF5 file: choose one that ends in {', '.join(FORMATS)}")
    picture, gather_picture = output.with_suffix(".png"), output.with_suffix(".gathers.png")
    for path in (output, picture, *([gather_picture] if physics else [])):
        if path.exists():
            raise DataError(f"{path} already exists: choose another name for --output")
    predictor = load(run)
    name = run.resolve().stem
    with open_gathers(gathers, predictor.acquisition) as given:
        if predictor.card.panels is not None:
            measure_rms(given)
            remark("the network reads migrated panels: the unit of the gathers does not matter")
        else:
            given = in_the_network_s_unit(given, predictor.network, rescale)
            if rescale:
                print(f"Gathers are multiplied by {given.factor:.4g}")
        velocity = predict_gathers(predictor, given)
        drawn = {} if given.velocity is None else {"reference": given.velocity[:DRAWN]}
        found: dict[str, np.ndarray] = {}
        if physics:
            found, explained = _physics(velocity[:physics], given, predictor)
            draw_explained(explained, predictor.acquisition, name, gather_picture)
    write_prediction(output, velocity, predictor.acquisition, found)
    drawn["prediction"] = velocity[:DRAWN]
    shown = velocity_panels(
        drawn,
        predictor.acquisition.grid.spacing,
        samples=[f"model {i}" for i in range(len(velocity[:DRAWN]))],
        limits=predictor.acquisition.velocity_limits,
        salt={title: is_salt(images) for title, images in drawn.items()},
    )
    save(shown, picture)
    print(f"{len(velocity)} velocity models: {output}, the first of them drawn in {picture}")


def _physics(
    velocity: np.ndarray, gathers: GatherFile, predictor: Predictor
) -> tuple[dict[str, np.ndarray], Explained]:
    """Misfit and amplitude (model,) of all models, NaN where not simulated; prints a table of those that were."""
    import numpy as np

    from data_gen.simulator.acoustic import Simulator
    from training.evaluation.misfit import explain

    simulator = Simulator(predictor.acquisition)

    def given() -> Iterator[np.ndarray]:
        return (gathers[i : i + 1][0] for i in range(len(velocity)))

    mean = np.broadcast_to(predictor.card.mean_velocity, velocity.shape)
    with progress("simulating", 2 * len(velocity), "models") as advance:
        explained, of_mean = (
            explain(models, given(), simulator, fit_amplitude=True, progress=lambda: advance(1))
            for models in (velocity, mean)
        )
    columns = {
        "data misfit": explained.misfit,
        "amplitude": explained.amplitude,
        "data misfit of the mean model": of_mean.misfit,
    }
    shown = table("model", *columns)
    for model, row in enumerate(zip(*columns.values(), strict=True)):
        shown.add_row(str(model), *(f"{value:.3f}" for value in row))
    print_table(shown)
    missing = np.full(len(gathers) - len(velocity), np.nan)
    found = {
        "data_misfit": np.concatenate([explained.misfit, missing]),
        "amplitude": np.concatenate([explained.amplitude, missing]),
    }
    return found, explained
