"""What the fuzzer tries: a command that works, with options, or a file that it reads, made hostile."""

from __future__ import annotations

import random
import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import damage
import damage_formats
import typer
from readers import ANSWER_MAY_CHANGE, GENERATE, READERS, TRAIN

from tomo import benchmark, cli

NUMBERS = ("-1", "0", "1", "2", "3", "-0", "1e3", "0.5", "1e-300", "1e300", "nan", "inf", "-inf", "1" + 19 * "0",
           "0x10", "1_0", "\u0663", "", " ", "two", "None", "true")  # fmt: skip
PATHS = (
    "mine", "mine/letter.txt", "mine/page.png", "mine/data.h5", "mine/results.json", "mine/below", "empty", "empty.npy",
    "pipe", "pipe.npy", "dangling", "loop", "nowhere", "nowhere/below", "mine/letter.txt/below", "survey", "half",
    "cnn", "unet", "begun", "survey/survey.json", "survey/survey.h5", "survey/shards", "cnn/model.keras",
    "network.keras", "gathers.npy", "gathers.h5", "velocity.npy", "velocity.mat", "velocity.h5", "pretrained",
    "gathers.sgy", "gathers.nc", "gathers.zarr", "velocity.sgy", "v73.mat", "line.toml", "ensemble", "empty.toml",
    "/dev/zero", "/dev/null",
    "\u00fc\u00b2 [bold]", ".", "..", "", "~", "-", "--", "n" * 300, "new", "new/deep/er", "new.h5", "new.png",
    "new.keras", "new.json", "\udcff", "s3://bucket", "tcp://127.0.0.1:1", "new\n.h5",
)  # fmt: skip
TAKEN = ("mine/letter.txt", "mine/data.h5", "survey", "survey/survey.json", "pipe", "dangling", "loop", "empty.npy")
"""Where no benchmark may write its results, nor find a survey but one: it is refused before it measures anything."""
TEXTS = ("", " ", "demo", "laptop", "cnn", "unet", "adam", "sqgn", "none", "all", "float16", "whole", "constant", "[x]",
         "squared", "segy", "zarr", "wavelet", "known", "x,depth", "depth,x", "depth,depth", "10,20", "10,-1", "nan,10",
         "1e300,1e-300", "10x10", "2x100000000", "100000x100000", "x", "0x0", "\u0661x\u0662", "x" * 1000,
         "\udcff", "\u00e9", "DEMO", "demo ", "--help", "*")  # fmt: skip

TAKES_LONG = {
    "epochs": ("2", "3", "1e3"), "models": ("1e3",), "seeds": ("2", "3"), "rounds": ("1", "2", "3"), "members": ("3",),
}  # fmt: skip
"""Values that are well and would take minutes."""


@dataclass
class Attempt:
    """A command; what was done to the file that it reads, if anything; whether another answer than before is right."""

    command: list[str]
    damaged: Path | None = None
    what: str = ""
    answer_may_change: bool = True
    base: str = ""

    def __str__(self) -> str:
        return f"tomo {' '.join(map(repr, self.command))}" + (
            f"  [{self.what}: {self.damaged}]" if self.damaged else ""
        )


def attempt(world: Path, rng: random.Random) -> Attempt:
    """One attempt in a world, whose files it may damage."""
    if rng.random() < 0.4:
        return _options(rng)
    commands = sorted(READERS)
    command = rng.choices(commands, [1 if each.startswith(("train", "evaluate")) else 3 for each in commands])[0]
    pattern = rng.choice(READERS[command])
    path = sorted(world.glob(pattern))[0]
    others = [world / name for name in ("gathers.npy", "gathers.h5", "mine/letter.txt", "cnn/model.keras")]
    structured = damage_formats.STRUCTURED.get(path.suffix, damage.bytes_of)
    of_files = 0 if path.is_dir() else 1
    kind = rng.choices(["structured", "bytes", "no file", "swapped"], [6, 4 * of_files, 1, of_files])[0]
    if kind == "structured":
        what = structured(path, rng)
    elif kind == "bytes":
        what = damage.bytes_of(path, rng)
    elif kind == "no file":
        what = damage.no_file(path, rng)
    else:
        what = damage.swapped(path, others, rng)
    may_change = any(part in pattern for part in ANSWER_MAY_CHANGE)
    return Attempt(command.split(), path.relative_to(world), what, may_change, command)


@dataclass(frozen=True)
class Parameter:
    """An option or argument of a command, by the type of its values."""

    name: str
    kind: type
    is_argument: bool
    values: int = 1


def _commands() -> dict[tuple[str, ...], list[Parameter]]:
    found = {(command.__name__,): command for command in cli.COMMANDS}
    found |= {("benchmark", command.__name__): command for command in benchmark.COMMANDS}
    found |= {("benchmark", "paper", command.__name__): command for command in benchmark.OF_THE_PAPER}
    assert found.keys() == GIVEN.keys(), "every command is tried"
    return {name: _parameters(command) for name, command in found.items()}


def _parameters(command: Callable[..., None]) -> list[Parameter]:
    parameters = []
    for name, hint in typing.get_type_hints(command, include_extras=True).items():
        if name == "return":
            continue
        plain, about = typing.get_args(hint)[:2]
        text = str(plain)
        kind = next((kind for kind in (Path, bool, int, float) if kind.__name__ in text), str)
        said = [each for each in about.param_decls or () if each.startswith("--")]  # an option may be called otherwise
        called = said[0][2:].split("/")[0] if said else name.replace("_", "-")
        values = 2 if text.startswith("tuple") else 1
        parameters.append(Parameter(called, kind, isinstance(about, typer.models.ArgumentInfo), values))
    return parameters


GIVEN = {
    ("train",): [["survey", "--network", "cnn", *TRAIN.split(), "--output", "new"]],
    ("info",): [["survey"]],
    ("gallery",): [["survey", "--output", "new.png"], ["--preset", "demo", "--no-gathers", "--output", "new.png"]],
    ("evaluate",): [["cnn", "--output", "new"]],
    ("predict",): [["cnn", "gathers.npy", "--output", "new.h5"]],
    ("publish",): [["cnn", "new.keras"]],
    ("generate",): [
        ["--preset", "demo", "--models", "1", "--output", "new"],
        ["--acquisition", "line.toml", "--models", "1", "--output", "new"],
        [*GENERATE, "velocity.npy", "--spacing", "15"],
        [*GENERATE, "velocity.sgy", "--axes", "depth,x"],
    ],
    ("acquisition",): [["--preset", "demo"], ["--acquisition", "spread.toml"]],
    ("export",): [
        ["half", "--format", "netcdf", "--output", "new.nc"],
        ["half", "--format", "segy", "--output", "new"],
    ],
    ("refine",): [["cnn", "gathers.npy", "--models", "1", "--output", "new.h5"]],
    ("benchmark", "refinement"): [["unet", "--survey", "half", "--output", "mine/results.json"]],
    ("benchmark", "imaging"): [["--survey", "survey", "--runs", "new", "--output", "mine/results.json"]],
    ("benchmark", "lines"): [["unet", "--survey", "half", "--output", "mine/results.json"]],
    ("benchmark", "calibration"): [["ensemble", "--survey", "survey", "--output", "mine/results.json"]],
    ("benchmark", "rivals"): [
        ["pinn", "--output", "mine/results.json"],
        ["unet", "--data", "survey", "--output", "mine/results.json"],
        ["mnist", "--data", "mine", "--output", "mine/results.json"],
    ],
    ("benchmark", "paper", "mnist"): [["--data", "mine", "--output", "mine/results.json"]],
    ("benchmark", "paper", "tomography"): [["--data", "survey", "--output", "mine/results.json"]],
    ("benchmark", "optimizer"): [["--problem", "tomography", "--data", "survey", "--output", "mine/results.json"]],
    ("benchmark", "stability"): [["--data", "survey", "--output", "new.json"]],
    ("benchmark", "memory"): [["--data", "mine", "--output", "new.json"]],
    ("benchmark", "simulator"): [["--preset", "huge", "--output", "new.json"]],
    ("benchmark", "gradient"): [["--output", "mine/results.json"]],
    ("benchmark", "migration"): [["--output", "mine/results.json"]],
}
"""Arguments of a command that it can be run with, quickly; benchmarks only where they are refused."""


def _options(rng: random.Random) -> Attempt:
    """A command with one to three hostile options or arguments."""
    commands = _commands()
    name = rng.choice(sorted(GIVEN))
    given = list(rng.choice(GIVEN[name]))
    for _ in range(rng.choice([1, 1, 2, 3])):
        parameter = rng.choice(commands[name])
        if parameter.is_argument:
            places = [place for place in range(len(given)) if not given[max(place - 1, 0)].startswith("--")]
            if places:
                given[rng.choice(places)] = rng.choice(PATHS)
        elif parameter.kind is bool:
            given.append(f"--{parameter.name}")
        else:
            given.append(f"--{parameter.name}")
            given += [_value(parameter, name[0] == "benchmark", rng) for _ in range(parameter.values)]
    return Attempt([*name, *given])


def _value(parameter: Parameter, is_benchmark: bool, rng: random.Random) -> str:
    among = {Path: PATHS, str: TEXTS}.get(parameter.kind, NUMBERS)
    if rng.random() < 0.1:
        among = rng.choice([PATHS, TEXTS, NUMBERS])
    if is_benchmark and parameter.name in ("output", "survey"):
        among = TAKEN
    return rng.choice([value for value in among if value not in TAKES_LONG.get(parameter.name, ())])
