"""Whether an attempt ended well: one line or a sound answer, in time, and no file of the user's touched."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
import os
import signal
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import segyio
import xarray
from attempts import Attempt

SECONDS = 60.0
"""An attempt that takes longer hangs; the longest that are right take five on an idle core."""

STATUSES = (0, 1, 2)


class Hang(BaseException):
    """Time is up."""


@dataclass(frozen=True)
class Outcome:
    """The exit status of a command, what it said, and how long it took."""

    status: Any
    out: str
    err: str
    raised: str = ""


def run(command: list[str], folder: Path) -> Outcome:
    """Run a command in a folder, in this process."""
    from tomo.cli import main
    from tomo.console import verbosity

    out, err = io.StringIO(), io.StringIO()
    argv, here, path = sys.argv, os.getcwd(), list(sys.path)
    before = signal.signal(signal.SIGALRM, _time_is_up)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    status: Any = None
    raised = ""
    try:
        os.chdir(folder)
        sys.argv = ["tomo", *command]
        verbosity.quiet = verbosity.verbose = False
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
        status = 0
    except SystemExit as left:
        status = left.code or 0
    except Hang:
        raised = "hangs"
    except BaseException as error:
        raised = f"{type(error).__name__}: {error}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        os.chdir(here)
        sys.argv, sys.path[:] = argv, path
    return Outcome(status, out.getvalue(), err.getvalue(), raised)


def _time_is_up(number: int, frame: Any) -> None:
    raise Hang


def contents(folder: Path) -> dict[str, str]:
    """What every file of a folder is: its kind, or the digest of what it holds."""
    found = {}
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode):
            found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            found[str(path.relative_to(folder))] = f"kind {stat.S_IFMT(mode)}"
    return found


def faults(attempt: Attempt, outcome: Outcome, before: dict[str, str], folder: Path, reference: Any) -> Iterator[str]:
    """What is wrong with how an attempt ended."""
    if outcome.raised:
        yield outcome.raised
    elif outcome.status not in STATUSES:
        yield f"exit status {outcome.status}: {outcome.err.strip()[-200:]}"
    if "Traceback" in outcome.err + outcome.out:
        yield "a traceback"
    if outcome.status == 2:
        lines = [line for line in outcome.err.splitlines() if line.startswith("tomo: ")]
        if len(lines) != 1:
            yield f"{len(lines)} lines say what is wrong: {outcome.err[-300:]!r}"
        if any(len(line) > 700 for line in lines):
            yield "the line is a page"
    yield from _files(attempt, outcome, before, contents(folder))
    if outcome.status == 0 and not outcome.raised:
        answer = answer_of(folder)
        yield from _sound(answer)
        if not attempt.answer_may_change and reference is not None and not same(answer, reference):
            yield "another answer, in silence"


def _files(attempt: Attempt, outcome: Outcome, before: dict[str, str], after: dict[str, str]) -> Iterator[str]:
    ours = _may_write(attempt, grown=outcome.status == 0)
    for name, content in before.items():
        if after.get(name) != content and not name.startswith(ours) and not name.endswith(".lock"):
            yield f"{name} was {'changed' if name in after else 'lost'}"
    for name in after.keys() - before.keys():
        if name.rsplit("/", 1)[-1].startswith(".unfinished-"):
            yield f"{name} was left behind"
        elif name.startswith("mine") and outcome.status != 0:
            yield f"{name} was made by a command that failed"


def _may_write(attempt: Attempt, grown: bool) -> tuple[str, ...]:
    """Beginnings of the names that a command may replace: what it goes on with, and panels that it makes anew."""
    mended = {
        "train": ("begun/", "survey/panels/", "half/panels/"),
        "evaluate": ("survey/panels/", "half/panels/", "cnn/evaluation", "unet/evaluation"),
        "generate": ("survey/shards", "survey/survey.h5", "half/shards", *("half/survey.",) * grown),
    }
    return mended.get(attempt.command[0], ("new",))


def answer_of(folder: Path) -> dict[str, Any]:
    """The numbers that a command left: velocities, mean scores, the last loss."""
    answer: dict[str, Any] = {}
    for name in ("new.h5", "new.nc"):
        if (folder / name).is_file():
            with h5py.File(folder / name) as file:
                answer |= {each: file[each][()] for each in ("velocity", "gathers") if each in file}
    for path in (folder / "new").glob("*.sgy"):
        with segyio.open(str(path), ignore_geometry=True) as traces:
            answer[path.name] = traces.trace.raw[:]
    if (folder / "new.zarr").is_dir():
        answer["zarr"] = xarray.open_zarr(folder / "new.zarr", chunks=None)["gathers"].values
    if (folder / "new" / "scores.json").is_file():
        record = json.loads((folder / "new" / "scores.json").read_text())
        answer["scores"] = {survey["survey"]: survey["scores"] for survey in record["surveys"]}
    for run in ("new", "begun"):
        path = folder / run / "history.csv"
        if path.is_file() and (folder / run / "model.keras").is_file():
            answer["loss"] = float(path.read_text().splitlines()[-1].split(",")[2])
    survey = folder / "new" / "survey.json"
    if survey.is_file():
        from data_gen.survey.reader import Survey

        opened = Survey.open(folder / "new")
        answer["survey"] = opened.velocity([0]), opened.gathers([0])
    return answer


def _sound(answer: dict[str, Any]) -> Iterator[str]:
    velocity = answer.get("velocity")
    if velocity is not None and not (np.isfinite(velocity).all() and velocity.min() > 100 and velocity.max() < 20000):
        yield f"velocities of {velocity.min():g} to {velocity.max():g} m/s"
    if not math.isfinite(answer.get("loss", 0.0)):
        yield f"a loss of {answer['loss']}"
    for values in answer.get("survey", ()):
        if not np.isfinite(values).all():
            yield "a survey that is not finite"


def same(answer: Any, reference: Any) -> bool:
    """Whether two answers are equal, up to the order in which threads add up."""
    if isinstance(reference, dict):
        return (
            isinstance(answer, dict)
            and answer.keys() == reference.keys()
            and all(same(answer[name], reference[name]) for name in reference)
        )
    if reference is None or answer is None or isinstance(reference, str):
        return answer == reference
    if isinstance(reference, tuple):
        return all(same(one, other) for one, other in zip(answer, reference, strict=True))
    return np.shape(answer) == np.shape(reference) and np.allclose(answer, reference, rtol=2e-2, atol=1e-6)
