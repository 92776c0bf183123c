"""Somebody else's velocity models: windows of a survey's grid, cut from files.

A file holds one model or several (`readers`, `understanding`). Models are brought to the survey's spacing, smoothed
first where that is coarser. Laid side by side, they are one long section over which the windows are spread evenly, so
that each model has its share by width; depths are random where a model is deeper than the survey.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError, SettingError
from data_gen.survey.specification import VelocityFile
from data_gen.velocity.public_models import PUBLIC_MODELS
from data_gen.velocity.readers import READERS
from data_gen.velocity.understanding import sha256, understand

MOST_CELLS = 10**8
"""Of one model at the survey's spacing, in memory of every worker: 400 MB."""


def register(
    path: Path,
    spacing: float | tuple[float, float] | None,
    axes: str | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> VelocityFile:
    """A file's entry in the specification; raises TomoError where it cannot be used.

    `spacing` [m], one number or one along depth and one along x, may be left out for files that say it, for OpenFWI's,
    and for the public models of `PUBLIC_MODELS`; `axes` as in `understand`. `tell` is told, in a line, what was
    understood.
    """
    understood = understand(path, axes)
    pair = spacing if isinstance(spacing, tuple) else (spacing, spacing) if spacing is not None else None
    pair = pair or understood.spacing
    if pair is None:
        raise SettingError(f"{path} does not say its grid spacing: give --spacing METRES")
    for each in pair:
        if not np.isfinite(each) or each <= 0:
            raise SettingError(f"a grid spacing of {each:g} m is impossible")
    tell(f"{path.name}: {understood.phrase(pair)}")
    if understood.doubt():
        tell(f"warning: {path.name}: {understood.doubt()}")
    step = float(pair[0]) if pair[0] == pair[1] else (float(pair[0]), float(pair[1]))
    return VelocityFile(str(path.resolve()), sha256(path), step, axes)


def register_all(
    paths: Sequence[Path],
    spacing: float | tuple[float, float] | None,
    axes: str | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> tuple[VelocityFile, ...]:
    """Entries of files, and of the public models in folders, in the order of their names.

    Spacing and axes hold for all of them. Raises TomoError as `register`, and for a folder without any.
    """
    entries = []
    for path in paths:
        if not path.is_dir():
            entries.append(register(path, spacing, axes, tell))
            continue
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in READERS and file.is_file())
        known = [file for file in files if sha256(file) in PUBLIC_MODELS]
        if not known:
            raise DataError(f"{path} holds none of the public velocity models this version knows")
        entries += [register(file, spacing, axes, tell) for file in known]
    return tuple(entries)


class VelocityWindows:
    """Windows of an acquisition's grid, cut from files.

    Raises DataError where a file has changed since it was registered, or is smaller than the grid.
    """

    def __init__(self, files: tuple[VelocityFile, ...], acquisition: Acquisition) -> None:
        self._acquisition = acquisition
        self._files = files
        self._models = []
        for file in files:
            path = Path(file.path)
            volume = understand(path, file.axes).velocity
            if sha256(path) != file.sha256:
                raise DataError(f"{path} is not the file this survey was begun with: its SHA-256 differs")
            height, width = (
                int((n - 1) * step / acquisition.grid.spacing) + 1
                for n, step in zip(volume.shape[1:], file.steps, strict=True)
            )
            rows, columns = acquisition.grid.shape
            if height < rows or width < columns:
                raise DataError(
                    f"{path} covers {height} x {width} cells of {acquisition.grid.spacing:g} m, "
                    f"the survey needs {rows} x {columns}"
                )
            if height * width > MOST_CELLS:
                raise SettingError(
                    f"{path} would be {height} x {width} cells of {acquisition.grid.spacing:g} m, more than fit into "
                    f"memory: is its spacing really {file.steps[0]:g} m?"
                )
            if not np.isfinite(volume).all() or volume.min() <= 0:
                raise DataError(f"{path} holds velocities that are not finite and positive")
            self._models += [(file, volume, number) for number in range(len(volume))]
        widths = [volume.shape[2] * file.steps[1] for file, volume, _ in self._models]
        self._ends = np.cumsum(widths) / np.sum(widths)
        self._resampled = lru_cache(maxsize=4)(self._resample)

    def cut(self, rng: np.random.Generator, index: int, count: int) -> tuple[np.ndarray, dict[str, Any]]:
        """Window `index` of `count`: velocity float32 (depth, x), and where it was cut."""
        stretch = np.random.default_rng(count).permutation(count)[index]  # neighbours are not cut one after another
        place = (stretch + rng.random()) / count
        number = int(np.searchsorted(self._ends[:-1], place, side="right"))
        start = self._ends[number - 1] if number else 0.0
        share = (place - start) / (self._ends[number] - start)
        velocity = self._resampled(number)
        rows, columns = self._acquisition.grid.shape
        room_z, room_x = velocity.shape[0] - rows, velocity.shape[1] - columns
        left = round(share * room_x)
        top = int(rng.integers(room_z + 1))
        file, _, model = self._models[number]
        where = {
            "file": Path(file.path).name,
            "model_of_file": model,
            "depth": top * self._acquisition.grid.spacing,
            "x": left * self._acquisition.grid.spacing,
        }
        return velocity[top : top + rows, left : left + columns].copy(), where

    def _resample(self, number: int) -> np.ndarray:
        file, volume, model = self._models[number]
        velocity = np.asarray(volume[model], np.float32)
        ratios = [self._acquisition.grid.spacing / step for step in file.steps]
        if ratios == [1, 1]:
            return velocity
        if max(ratios) > 1:
            velocity = gaussian_filter(velocity, [max(ratio - 1, 0) / 2 for ratio in ratios], mode="nearest")
        shape = [int((n - 1) / ratio) + 1 for n, ratio in zip(velocity.shape, ratios, strict=True)]
        places = (np.arange(n) * ratio for n, ratio in zip(shape, ratios, strict=True))
        coordinates = np.meshgrid(*places, indexing="ij")
        return map_coordinates(velocity, coordinates, order=1, mode="nearest").astype(np.float32)
