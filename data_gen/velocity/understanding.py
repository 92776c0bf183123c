"""What is understood of somebody else's velocity models: which axis is depth, how far apart points are, which unit.

What a file says counts first, then what its user says, then what the numbers can only mean: P waves in rock and water
have 300 to 9,000 m/s, so that numbers around 3 are km/s, around 0.3 s/km, and below 0.01 s/m.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_gen.errors import DataError, SettingError
from data_gen.velocity.public_models import PUBLIC_MODELS
from data_gen.velocity.readers import Stored, read_stored

DEPTHS = ("depth", "z", "nz", "z_m")
ACROSS = ("x", "nx", "x_m", "distance", "offset", "lateral", "cdp", "trace", "column", "y", "inline", "crossline")
"""What depth and the axis across are called, in small letters."""

AXES = (("depth", "x"), ("x", "depth"))

UNITS = {
    "m/s": ("m/s", "m s-1", "m.s-1", "meter/second", "m s^-1", "ms-1"),
    "km/s": ("km/s", "km s-1", "km.s-1", "km s^-1"),
    "ft/s": ("ft/s", "ft s-1", "feet/second"),
    "s/m": ("s/m", "s m-1", "s.m-1", "s m^-1"),
    "s/km": ("s/km", "s km-1", "s.km-1", "s km^-1"),
}
"""Unit -> how files write it."""

FOOT = 0.3048
EVEN = 1e-3
"""Points of an axis are evenly spaced if their distances differ by less than this part."""


@dataclass(frozen=True)
class Understood:
    """Velocities [m/s] (model, depth, x), their `spacing` along depth and x [m] if known, and the `unit` they had."""

    velocity: np.ndarray
    spacing: tuple[float, float] | None
    axes: tuple[str, str]
    unit: str

    def phrase(self, spacing: tuple[float, float]) -> str:
        """What was understood, in one line."""
        count, rows, columns = self.velocity.shape
        step = (
            f"{spacing[0]:g} m" if spacing[0] == spacing[1] else f"{spacing[0]:g} m along depth, {spacing[1]:g} along x"
        )
        lowest, highest = float(np.min(self.velocity)), float(np.max(self.velocity))
        given = "" if self.unit == "m/s" else f", given in {self.unit}"
        return (
            f"{count} model{'s' if count > 1 else ''} ({', '.join(self.axes)}) of {rows} x {columns} points, "
            f"{(rows - 1) * spacing[0]:,.0f} m deep and {(columns - 1) * spacing[1]:,.0f} m wide at {step}, "
            f"{lowest:,.0f} to {highest:,.0f} m/s{given}"
        )

    def doubt(self) -> str:
        """A line where velocity grows along the second axis rather than along depth; else nothing."""
        mean = np.asarray(self.velocity[:4], np.float64).mean(axis=0)
        down, across = (_rise(mean.mean(axis=axis)) for axis in (1, 0))
        if abs(across) < max(2 * abs(down), 300.0):
            return ""
        return f"velocity changes by {across:,.0f} m/s along x and by {down:,.0f} along depth: are the axes x,depth?"


def _rise(profile: np.ndarray) -> float:
    tenth = max(1, len(profile) // 10)
    return float(profile[-tenth:].mean() - profile[:tenth].mean())


def understand(path: Path, axes: str | None = None) -> Understood:
    """The models of a file; `axes`, "depth,x" or "x,depth", is for files that do not name theirs.

    Raises DataError for a file that cannot be read or makes no sense, SettingError for axes that cannot be.
    """
    stored = read_stored(path)
    values, named, steps = _oriented(path, stored, _parsed(axes))
    unit = _unit_of(path, stored.units, values)
    spacing = steps or stored.spacing
    if spacing is None and sha256(path) in PUBLIC_MODELS:
        spacing = (PUBLIC_MODELS[sha256(path)].spacing,) * 2
    return Understood(_in_metres_per_second(values, unit), spacing, named, unit)


def _parsed(axes: str | None) -> tuple[str, str] | None:
    if axes is None:
        return None
    first, _, second = (part.strip().lower() for part in axes.partition(","))
    if (first, second) not in AXES:
        raise SettingError(f"--axes is depth,x or x,depth, not {axes!r}")
    return first, second


def _oriented(
    path: Path, stored: Stored, told: tuple[str, str] | None
) -> tuple[np.ndarray, tuple[str, str], tuple[float, float] | None]:
    """Values (model, depth, x), the order in which the last two axes were, and their spacing [m] by coordinates."""
    values = stored.values
    if stored.axes is None:
        order = told or AXES[0]
        if order == AXES[1]:
            values = np.swapaxes(values, -1, -2)
        return values.reshape(-1, *values.shape[-2:]), order, None
    kinds = ["depth" if _is(axis, DEPTHS) else "x" if _is(axis, ACROSS) else "model" for axis in stored.axes]
    if kinds.count("depth") != 1 or kinds.count("x") != 1:
        if told is None:
            raise DataError(
                f"{path} has the dimensions {', '.join(stored.axes)}: which of them is depth? Give "
                "--axes depth,x or x,depth"
            )
        kinds[-2:] = told
    elif told is not None and told != tuple(kind for kind in kinds if kind != "model"):
        raise SettingError(f"{path} names its dimensions {', '.join(stored.axes)}, other than --axes says")
    order = AXES[0] if kinds.index("depth") < kinds.index("x") else AXES[1]
    wanted = [kinds.index(kind) for kind in ("model", "depth", "x") if kind in kinds]
    values = np.transpose(values, wanted)
    steps = []
    for kind in ("depth", "x"):
        places = (stored.coordinates or {}).get(stored.axes[kinds.index(kind)])
        if places is None:
            return values.reshape(-1, *values.shape[-2:]), order, None
        steps.append(_step(path, kind, places))
        if places[0] > places[-1]:
            values = np.flip(values, -2 if kind == "depth" else -1)
    return values.reshape(-1, *values.shape[-2:]), order, (steps[0], steps[1])


def _is(axis: str, names: Sequence[str]) -> bool:
    return axis.lower() in names


def _step(path: Path, kind: str, places: np.ndarray) -> float:
    """The even distance between places [m]; raises DataError where it is not even."""
    distances = np.abs(np.diff(places.astype(np.float64)))
    if len(distances) == 0 or distances.min() <= 0 or np.ptp(distances) > EVEN * distances.mean() + 1e-6:
        raise DataError(f"{path} has points along {kind} that are not evenly spaced: bring it to an even grid first")
    return float(distances.mean())


def _unit_of(path: Path, said: str, values: np.ndarray) -> str:
    for unit, written in UNITS.items():
        if said.strip().lower() in written:
            return unit
    typical = float(np.median(np.asarray(values[0][np.isfinite(values[0])], np.float64))) if values.size else 0.0
    if typical >= 100:
        return "m/s"
    if 0.9 <= typical < 15:
        return "km/s"
    if 0.1 <= typical < 0.9:
        return "s/km"
    if 5e-5 <= typical < 5e-3:
        return "s/m"
    raise DataError(f"{path} holds numbers around {typical:g}, which are no velocities in m/s, km/s, s/m or s/km")


def _in_metres_per_second(values: np.ndarray, unit: str) -> np.ndarray:
    if unit == "m/s":
        return values
    numbers = np.asarray(values, np.float64)
    with np.errstate(divide="ignore"):
        converted = {
            "km/s": lambda: 1e3 * numbers,
            "ft/s": lambda: FOOT * numbers,
            "s/m": lambda: 1 / numbers,
            "s/km": lambda: 1e3 / numbers,
        }[unit]()
    return converted.astype(np.float32)


def sha256(path: Path) -> str:
    """Of a file's bytes, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
