"""`tomo benchmark imaging`: imaging networks from several seeds, scored on the same test models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from data_gen.errors import SettingError
from tomo.console import print_table, remark, table
from tomo.presets import preset_for
from tomo.tensorflow import load_tensorflow

COLUMNS = {
    "rmse": ("RMSE m/s", "{:.0f}"),
    "mae": ("MAE m/s", "{:.0f}"),
    "ssim": ("SSIM", "{:.3f}"),
    "salt_iou": ("salt IoU", "{:.3f}"),
    "salt_found": ("salt found", "{:.2f}"),
    "salt_top_error": ("salt top m", "{:.0f}"),
    "training_seconds": ("training s", "{:.0f}"),
    "processor_seconds": ("CPU s", "{:.0f}"),
}


def imaging(
    survey: Annotated[Path, typer.Option(help="Survey to train on; its test models are scored.")],
    runs: Annotated[Path, typer.Option(help="Folder of the runs.")],
    output: Annotated[Path, typer.Option(help="JSON file of the results; an interrupted benchmark is continued.")],
    contender: Annotated[
        list[str] | None,
        typer.Option(
            help="NETWORK/OPTIMIZER or NETWORK/OPTIMIZER/EPOCHS, may be given again; default: unet/adamw, unet/sqgn."
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Repetitions, with seeds 0, 1, ...")] = 5,
    epochs: Annotated[int | None, typer.Option(help="Epochs; default: the recipe's.")] = None,
    views: Annotated[int | None, typer.Option(help="Panels of each training model; default: 4.")] = None,
    test: Annotated[
        list[Path] | None, typer.Option(help="Further surveys whose test models are scored; may be given again.")
    ] = None,
) -> None:
    """Train imaging networks from several seeds and score them on test models: mean and spread."""
    load_tensorflow()
    from data_gen.survey.reader import Survey
    from models.registry import NETWORKS, PANELS
    from training.benchmark.imaging import compare_imaging, summary
    from training.settings import choose

    opened = Survey.open(survey)
    recipe = preset_for(opened.acquisition).imaging
    contenders = {}
    for name in contender or ["unet/adamw", "unet/sqgn"]:
        network, optimizer, own = _parts(name)
        choose("network", network, [name for name, each in NETWORKS.items() if each.reads == PANELS])
        settings = recipe.settings(optimizer, network, len(opened.train), epochs=own or epochs, views=views)
        contenders[name.replace("/", "-")] = settings
    surveys = [opened, *(Survey.open(folder) for folder in test or ())]
    results = compare_imaging(opened, surveys, contenders, range(seeds), runs, output, remark)
    for each in surveys:
        shown = table(
            "", *(title for title, _ in COLUMNS.values()), title=f"{len(each.test)} test models of {each.name}"
        )
        for (name, trained), row in summary(results).items():
            if name == each.name:
                cells = [
                    f"{form.format(row[key][0])} ± {form.format(row[key][1])}" for key, (_, form) in COLUMNS.items()
                ]
                shown.add_row(f"{trained}, {row['seeds'][0]:.0f} seeds", *cells)
        print_table(shown)
    print(f"Results are in {output}")


def _parts(contender: str) -> tuple[str, str, int | None]:
    """Network, optimizer and epochs of NETWORK/OPTIMIZER or NETWORK/OPTIMIZER/EPOCHS."""
    parts = contender.split("/")
    if len(parts) not in (2, 3) or (len(parts) == 3 and not parts[2].isdecimal()):
        raise SettingError(f"{contender!r} is no contender: NETWORK/OPTIMIZER, or NETWORK/OPTIMIZER/EPOCHS")
    return parts[0], parts[1], int(parts[2]) if len(parts) == 3 else None
