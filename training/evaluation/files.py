"""What an evaluation writes: every file and its schema.

scores.json      the machine; the runs' settings; for each survey and predictor the means of all scores
samples.csv      a row for every survey, predictor and model
scores.md        the table of means, for a text
robustness.json  scores against each disturbance, by run
"""

from __future__ import annotations

import csv
import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data_gen.errors import DataError, MachineError
from data_gen.files import reason, whole_file, write_json, write_text
from data_gen.machine import describe_machine
from training.evaluation.evaluate import DATA_MISFIT, Evaluation
from training.evaluation.robustness import Sweep
from training.evaluation.scores import Scores
from training.evaluation.table import ScoreTable
from training.trained import Trained

WRITTEN = ("scores.json", "samples.csv", "scores.md", "robustness.json")


def claim_folder(folder: Path) -> None:
    """Make the folder of an evaluation; an earlier evaluation in it is overwritten, and no file of anybody else's.

    Raises DataError for a folder without `scores.json` that holds files with names or endings of an evaluation's.
    """
    if folder.is_dir() and not (folder / "scores.json").exists():
        strangers = sorted(path.name for path in folder.iterdir() if path.name in WRITTEN or path.suffix == ".png")
        if strangers:
            raise DataError(f"{folder} holds {strangers[0]}, and no evaluation: choose another folder for --output")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(f"{folder} cannot be made: {reason(error)}") from None


def write_scores(evaluations: Sequence[Evaluation], trained: Sequence[Trained], folder: Path) -> None:
    """Write `scores.json`, `samples.csv` and `scores.md` into a folder.

    A score with nothing to compare is null in the first and empty in the second. Raises MachineError where a file
    cannot be written.
    """
    write_json(folder / "scores.json", scores_record(evaluations, trained))
    write_text(folder / "scores.md", ScoreTable.of(evaluations).markdown())
    names = [score.name for score in dataclasses.fields(Scores)]
    with (
        whole_file(folder / "samples.csv") as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(["survey", "predictor", "model", *names, DATA_MISFIT])
        for evaluation in evaluations:
            for predictor, rows in evaluation.scores.items():
                misfits = list(evaluation.misfits.get(predictor, ()))
                for number, (index, row) in enumerate(zip(evaluation.indices, rows, strict=True)):
                    values = [*dataclasses.astuple(row), *misfits[number : number + 1]]
                    cells = ["" if math.isnan(value) else value for value in values]
                    writer.writerow([evaluation.survey.name, predictor, int(index), *cells])


def scores_record(evaluations: Sequence[Evaluation], trained: Sequence[Trained]) -> dict[str, Any]:
    """What `scores.json` says."""
    return {
        "machine": describe_machine(("tomo", "tensorflow", "keras", "numpy")),
        "runs": {each.name: _described(each) for each in trained},
        "surveys": [
            {
                "survey": evaluation.survey.name,
                "samples": len(evaluation.indices),
                "scores": {name: without_nan(row) for name, row in evaluation.means().items()},
            }
            for evaluation in evaluations
        ],
    }


def write_robustness(sweeps: Sequence[Sweep], folder: Path) -> None:
    """Write `robustness.json`, each sweep under its disturbance's name; raises MachineError where it cannot."""
    record = {
        sweep.disturbance.name: {
            "unit": sweep.disturbance.unit,
            "levels": list(sweep.disturbance.levels),
            "runs": {
                name: [without_nan(dataclasses.asdict(row)) for row in rows] for name, rows in sweep.scores.items()
            },
        }
        for sweep in sweeps
    }
    write_json(folder / "robustness.json", record)


def _described(trained: Trained) -> dict[str, Any]:
    """Its settings, and what its training took."""
    seconds = [history["seconds"][-1] for run in trained.runs if (history := run.history()).get("seconds")]
    return {
        **dataclasses.asdict(trained.settings),
        **({"members": len(trained.runs)} if len(trained.runs) > 1 else {}),
        "training_models": len(trained.trained_on()),
        "training_seconds": sum(seconds) if seconds else None,
    }


def without_nan(row: Mapping[str, float]) -> dict[str, float | None]:
    """A row of scores for JSON, which knows no NaN: None where there was nothing to compare."""
    return {name: None if math.isnan(value) else value for name, value in row.items()}
