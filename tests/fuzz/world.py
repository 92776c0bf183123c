"""Where the fuzzer's attempts are made: surveys, runs, files of gathers and velocities, and things of the user's."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import materials
from small_survey import LINE, write_survey

from data_gen.survey.reader import Survey
from data_gen.survey.specification import SurveySpecification

RUNS = {
    "cnn": ["--network", "cnn", "--batch-size", "8"],
    "unet": ["--network", "unet", "--views", "1", "--batch-size", "8", "--precision", "float32"],
}


def build(folder: Path, tomo) -> None:
    """Fill a folder; `tomo(*arguments)` runs a command in it and gives its exit status."""
    write_survey(folder / "survey", SurveySpecification(LINE, 34, 26), simulated=True)
    write_survey(folder / "half", SurveySpecification(LINE, 4, 3, seed=7, dtype="float16"), simulated=True)
    for name, options in RUNS.items():
        assert tomo("train", "survey", "--epochs", "1", *options, "--output", name) == 0
    assert tomo("train", "half", "--epochs", "1", *RUNS["cnn"], "--batch-size", "2", "--output", "done") == 0
    for path in folder.glob("*/tensorboard"):
        shutil.rmtree(path)
    _begin(folder)
    materials.gathers_of_all_formats(folder)
    materials.velocities_of_all_formats(folder)
    materials.acquisitions(folder)
    materials.ensemble(folder)
    (folder / "network.keras").write_bytes((folder / "cnn" / "model.keras").read_bytes())
    _user(folder)


def _begin(folder: Path) -> None:
    """A training that was stopped after its first epoch."""
    import keras

    from training.fit import train
    from training.recipes import CONVOLUTIONS
    from training.runs import begin_run

    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    survey = Survey.open(folder / "survey")
    run = begin_run(folder / "begun", CONVOLUTIONS.settings("adamw", "cnn-demo", 26, epochs=2, batch_size=8), survey)
    try:
        train(run, survey, [Stop()])
    except KeyboardInterrupt:
        return
    raise AssertionError("the training was to be stopped")


def _user(folder: Path) -> None:
    """What belongs to the user, and no command may touch."""
    mine = folder / "mine"
    mine.mkdir()
    for name in ("letter.txt", "notes.part", "predictions.png", "results.json", "page.png", "data.h5", ".unfinished"):
        (mine / name).write_text(f"mine: {name}")
    (mine / "below").mkdir()
    (mine / "below" / "survey.h5").write_text("mine as well")
    (folder / "empty").mkdir()
    (folder / "empty.npy").touch()
    (folder / "empty.toml").touch()
    os.mkfifo(folder / "pipe")
    (folder / "pipe.npy").symlink_to("pipe")
    (folder / "dangling").symlink_to("nowhere")
    (folder / "loop").symlink_to("loop")
    (folder / "ü² [bold]").mkdir()
