"""The line of an acquisition: listed places of sources and receivers, and which receivers record which source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from data_gen.errors import SettingError
from data_gen.grid import Grid

OF_THE_LINE = ("source_depth", "receiver_depth", "source_positions", "receiver_positions", "live_receivers")
"""The fields of an acquisition that `check_line` is about."""

NEAR = 1e-6
"""So much beyond its edge [m] a place still counts as on the grid: its coordinates were written in decimals."""


def check_line(grid: Grid, sources: int, receivers: int, **fields: Any) -> dict[str, Any]:
    """The fields of `OF_THE_LINE` as numbers and tuples; raises SettingError for a line that cannot be."""
    checked: dict[str, Any] = {}
    for kind, count in (("source", sources), ("receiver", receivers)):
        depth = fields[f"{kind}_depth"]
        if isinstance(depth, Sequence | np.ndarray):
            depth = _numbers(f"depths of {kind}s", depth, count)
            if len(set(depth)) == 1:
                depth = depth[0]
        for value in depth if isinstance(depth, tuple) else (depth,):
            if not 0 <= value <= grid.depth[-1]:
                raise SettingError(f"a {kind} depth of {value:g} m is outside the grid")
        checked[f"{kind}_depth"] = depth
        positions = fields[f"{kind}_positions"]
        if positions is not None:
            positions = _numbers(f"positions of {kind}s", positions, count)
            for value in positions:
                if not -NEAR <= value <= grid.x[-1] + NEAR:
                    raise SettingError(
                        f"a {kind} at {value:g} m is outside the grid, which reaches from 0 to {grid.x[-1]:g} m"
                    )
        checked[f"{kind}_positions"] = positions
    checked["live_receivers"] = _checked_live(fields["live_receivers"], sources, receivers)
    return checked


def _numbers(what: str, values: Any, count: int) -> tuple[float, ...]:
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise SettingError(f"the {what} are not numbers") from None
    if array.shape != (count,):
        raise SettingError(f"{array.size} {what} are listed, and there are {count} of them")
    if not np.isfinite(array).all():
        raise SettingError(f"the {what} are not all finite")
    return tuple(array.tolist())


def _checked_live(live: Any, sources: int, receivers: int) -> tuple[tuple[int, ...], ...] | None:
    if live is None:
        return None
    if len(live) != sources:
        raise SettingError(f"live receivers are listed of {len(live)} sources, and there are {sources}")
    rows = []
    for source, row in enumerate(live):
        numbers = sorted({int(number) for number in row})
        if not numbers:
            raise SettingError(f"source {source} has no live receiver")
        if not 0 <= numbers[0] <= numbers[-1] < receivers:
            raise SettingError(
                f"source {source} has the live receivers {numbers[0]} to {numbers[-1]}; they are counted from 0 to "
                f"{receivers - 1}"
            )
        rows.append(tuple(numbers))
    return None if all(len(row) == receivers for row in rows) else tuple(rows)


def each_depth(depth: float | tuple[float, ...], count: int) -> np.ndarray:
    """The depth of each of `count` [m]."""
    return np.array(depth) if isinstance(depth, tuple) else np.full(count, depth)


def live_traces(live: tuple[tuple[int, ...], ...] | None, sources: int, receivers: int) -> np.ndarray:
    """Which receivers record which source, bool (sources, receivers); all of them, if none are listed."""
    if live is None:
        return np.ones((sources, receivers), bool)
    traces = np.zeros((sources, receivers), bool)
    for source, numbers in enumerate(live):
        traces[source, list(numbers)] = True
    return traces


def phrase(
    sources: int,
    source_positions: tuple[float, ...] | None,
    receivers: int,
    receiver_positions: tuple[float, ...] | None,
    width: float,
) -> str:
    """The line in words."""
    if source_positions is None and receiver_positions is None:
        return f"{sources} sources and {receivers} receivers over {width:g} m"
    parts = []
    for count, kind, positions in (
        (sources, "sources", source_positions),
        (receivers, "receivers", receiver_positions),
    ):
        ends = (0.0, width) if positions is None else (min(positions), max(positions))
        parts.append(f"{count} {kind} from {ends[0]:g} to {ends[1]:g} m")
    return " and ".join(parts)
