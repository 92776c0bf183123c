"""What the gathers of a file are like: how strong, which traces are dead, which samples are missing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_gen.errors import DataError
from training.gather_file import GatherFile

OUTSTANDING, FEW = 1e-3, 1e-3
"""Where fewer than this share of a model's samples are above this part of the greatest one, that is no wave."""


@dataclass(frozen=True)
class Inspection:
    """What a file's gathers are like: their `rms`, and over all models how many `traces` are live by the geometry, how
    many of these are `silent`, and how many lack samples (`incomplete`, `missing` samples)."""

    rms: float
    traces: int
    silent: int
    incomplete: int
    missing: int

    def phrase(self) -> str:
        """In one line."""
        left_out = [
            f"{count} {what}"
            for count, what in (
                (self.silent, "silent"),
                (self.incomplete, f"with missing samples ({self.missing} in all)"),
            )
            if count
        ]
        used = self.traces - self.silent - self.incomplete
        return f"{used} of {self.traces} traces are used" + (f"; left out: {', '.join(left_out)}" if left_out else "")


def inspect(gathers: GatherFile, complete: bool = False) -> Inspection:
    """Look at every sample of a file.

    Raises DataError for a model without signal, for samples so strong that they can be no wave, and, if gathers are to
    be `complete`, for missing ones.
    """
    power: list[float] = []
    silent = incomplete = missing = traces = 0
    live = gathers.acquisition.live
    for block in gathers.blocks():
        values = gathers.stored(block)
        if gathers.adapted is not None:
            values = values[:, gathers.adapted.sources][:, :, gathers.adapted.receivers]
        for number, model in enumerate(values, block.start):
            lacks = ~np.isfinite(model)
            if complete and lacks.any():
                raise DataError(
                    f"{gathers.path}: model {number} holds {_counted(lacks.sum())} missing or not finite, the first at "
                    f"{_place(lacks)}"
                )
            whole = np.where(lacks, 0, model)
            _check_outstanding(gathers.path, number, whole)
            lacking = lacks.any(axis=-1)
            quiet = ~np.any(whole != 0, axis=-1) & ~lacking
            used = live & ~lacking & ~quiet
            if not used.any():
                what = "lacks samples in every trace" if lacking.any() else "is silent, all its samples are zero"
                raise DataError(f"{gathers.path}: model {number} {what}")
            power.append(float(np.mean(np.square(whole, dtype=np.float64)[~lacking])))
            traces += _count(live)
            silent += _count(live & quiet)
            incomplete += _count(live & lacking)
            missing += _count(lacks[live])
    return Inspection(float(np.sqrt(np.mean(power))), traces, silent, incomplete, missing)


def _check_outstanding(path: Path, number: int, model: np.ndarray) -> None:
    strength = np.abs(model)
    greatest = strength.max()
    outstanding = strength > OUTSTANDING * greatest
    if greatest and model.size > 1 / FEW and outstanding.mean() < FEW:
        raise DataError(
            f"{path}: model {number} holds {_counted(outstanding.sum())} of up to {greatest:.3g}, over "
            f"{1 / OUTSTANDING:,.0f} times all others, the first at {_place(outstanding)}: if they stand for missing "
            "ones, mark them by _FillValue or NaN"
        )


def _count(marked: np.ndarray) -> int:
    return int(np.count_nonzero(marked))


def _counted(count: int) -> str:
    return f"{count} sample{'s' if count > 1 else ''}"


def _place(marked: np.ndarray) -> str:
    source, receiver, sample = np.argwhere(marked)[0]
    return f"source {source}, receiver {receiver}, sample {sample}"
