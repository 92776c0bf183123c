"""The absorbing boundary: a perfectly matched layer of few cells, written as a correction of the Laplacian.

In the layer x is stretched to a complex coordinate, d/dx becomes (1/s) d/dx with s = 1 + d(x)/(iω) (Chew and
Weedon 1994). With F = d/(iω + d), that is 1/s = 1 - F, the second derivative is

    (1/s) d/dx ((1/s) du/dx) = (1 - F) (1 - F) (u_xx - (d'/d) F u_x).

Each F is one recursive filter in time. By the trapezoidal rule, with one memory variable r and a = 1 / (1 + d dt/2),

    (1 - F) v = a v - r,    and then    r becomes (2a - 1) r + 2a (1 - a) v.

Three memory variables a point, updated in place, no derivative of any of them, and only inside the strips.

The fourth-order time stepping applies A twice; the layer acts in the first application only. With x the
eigenvalue of -dt² A, the scheme's x (1 - x/12) then stays linear in the stretched x, so that the layer
damps every wave the grid carries; stretched in both, waves with x > 6 grow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import devito
import numpy as np
from devito.types import Buffer, Symbol

VECTOR = 16
"""Numbers in the longest vector of today's processors: what the inner loop should be a multiple of."""


@dataclass(frozen=True)
class Layer:
    """`cells` wide; d grows as the `power` of the depth into the layer.

    The greatest d is the one at which a plane wave of `velocity` [m/s] at normal incidence would come back
    with the amplitude `reflection`, were the medium not discrete. On salt models what does come back, from
    all sides together, is 0.2 % of the signal. A field that is the same everywhere is not absorbed: in
    float32 it creeps up to 1e-4 of the signal in 10 s of recording, to 0.4 % in two minutes.
    """

    cells: int = 10
    power: int = 4
    velocity: float = 4800.0
    reflection: float = 1e-3


class Strip(devito.SubDomain):
    """The cells along one side: `side` is left or right end of the axis, 0 for depth, 1 for x.

    One that is `wide` holds what a derivative of the layer's cells reaches.
    """

    def __init__(self, name: str, axis: int, side: str, cells: int, wide: bool = False) -> None:
        self.name = name
        self.axis, self.side, self.cells, self.wide = axis, side, cells, wide
        super().__init__()

    def define(self, dimensions: Sequence[devito.Dimension]) -> dict:
        """Devito's description of the strip."""
        extents: dict = {dimension: dimension for dimension in dimensions}
        extents[dimensions[self.axis]] = (self.side, self.cells)
        return extents


def strips(cells: int, free_surface: bool, reach: int) -> tuple[Strip, ...]:
    """The layer's strips, and wide ones that reach some cells farther: four sides, or three under a free surface.

    Those along x, the inner loop, are whole vectors: beyond the layer's cells the correction is zero.
    """

    def vectors(cells: int) -> int:
        return -(-cells // VECTOR) * VECTOR

    sides = [("top", 0, "left"), ("bottom", 0, "right"), ("left", 1, "left"), ("right", 1, "right")]
    return tuple(
        Strip(f"{name}{'_wide' * wide}", axis, side, vectors(width) if axis else width, wide)
        for wide, width in ((False, cells), (True, cells + reach))
        for name, axis, side in sides[free_surface:]
    )


def layer_equations(
    layer: Layer,
    grid: devito.Grid,
    field: devito.TimeFunction,
    scale: devito.Function,
    target: devito.TimeFunction,
    step: float,
) -> tuple[list[devito.Eq], list[devito.TimeFunction]]:
    """Equations that add `scale` times the stretched minus the plain Laplacian of `field` to `target`.

    `step` is in the unit of time of the grid's other quantities (ms). Returns the equations and the memory
    variables, which are to be zero when a shot begins.
    """
    equations, memory = [], []
    for axis, dimension in enumerate(grid.dimensions):
        sides = _sides(grid, axis)
        a, slope = _coefficients(layer, grid, axis, {strip.side for strip in sides}, step)
        states = _states("memory", grid, axis)
        memory += states
        r0, r1, r2 = (state.forward for state in states)
        for strip in sides:
            first, second, once, twice = (
                Symbol(name=f"{name}_{strip.name}", dtype=grid.dtype) for name in ("first", "second", "once", "twice")
            )
            equations += [
                devito.Eq(left, right, subdomain=strip)
                for left, right in (
                    (first, getattr(field, f"d{dimension.name}")),
                    (second, getattr(field, f"d{dimension.name}2")),
                    (once, second - slope * first - r0),
                    (twice, a * once - r1),
                    (target, target + scale * (a * twice - r2 - second)),
                    (r2, (2 * a - 1) * r2 + 2 * a * (1 - a) * twice),
                    (r1, (2 * a - 1) * r1 + 2 * a * (1 - a) * once),
                    (r0, (2 * a - 1) * r0 + 2 * a * slope * first),
                )
            ]
    return equations, memory


def layer_adjoint(
    layer: Layer,
    grid: devito.Grid,
    field: devito.TimeFunction,
    scale: devito.Function,
    target: devito.TimeFunction,
    step: float,
) -> tuple[list[devito.Eq], list[devito.TimeFunction]]:
    """The transpose of `layer_equations`, in reversed time: what it adds to `target` of the adjoint `field` q.

    The filters' memories r0, r1, r2 have adjoints of their own, which run backwards; with `second` and `first` the
    adjoints of the derivatives of u, the Laplacian's correction is `scale` times d²(second) - d(first): a second
    difference is its own transpose, a first one minus its own. Returns the equations and the states, as there.
    """
    equations, memory = [], []
    for axis, dimension in enumerate(grid.dimensions):
        sides = _sides(grid, axis)
        a, slope = _coefficients(layer, grid, axis, {strip.side for strip in sides}, step)
        states = _states("adjoint_memory", grid, axis)
        r0, r1, r2 = (state.forward for state in states)
        first, second = (
            devito.TimeFunction(
                name=f"adjoint_{name}_{dimension.name}", grid=grid, time_order=1, space_order=target.space_order,
                save=Buffer(1),
            )
            for name in ("first", "second")
        )  # fmt: skip
        memory += [*states, first, second]
        for strip in sides:
            once, twice = (Symbol(name=f"{name}_{strip.name}", dtype=grid.dtype) for name in ("once", "twice"))
            equations += [
                devito.Eq(left, right, subdomain=strip)
                for left, right in (
                    (twice, a * field + 2 * a * (1 - a) * r2),
                    (once, a * twice + 2 * a * (1 - a) * r1),
                    (second, once - field),
                    (first, 2 * a * slope * r0 - slope * once),
                    (r2, (2 * a - 1) * r2 - field),
                    (r1, (2 * a - 1) * r1 - twice),
                    (r0, (2 * a - 1) * r0 - once),
                )
            ]
        back = getattr(second, f"d{dimension.name}2") - getattr(first, f"d{dimension.name}")
        equations += [
            devito.Eq(target, target + scale * back, subdomain=strip) for strip in _sides(grid, axis, wide=True)
        ]
    return equations, memory


def _sides(grid: devito.Grid, axis: int, wide: bool = False) -> list[Strip]:
    strips = [strip for strip in grid.subdomains.values() if isinstance(strip, Strip)]
    return [strip for strip in strips if strip.axis == axis and strip.wide == wide]


def _states(name: str, grid: devito.Grid, axis: int) -> list[devito.TimeFunction]:
    """The three memory variables of an axis."""
    return [
        devito.TimeFunction(
            name=f"{name}{k}_{grid.dimensions[axis].name}", grid=grid, time_order=1, space_order=0, save=Buffer(1)
        )
        for k in range(3)
    ]


def _coefficients(
    layer: Layer, grid: devito.Grid, axis: int, sides: set[str], step: float
) -> tuple[devito.Function, devito.Function]:
    """The filter's a, and (1 - a) d'/d, along an axis."""
    dimension, points = grid.dimensions[axis], grid.shape[axis]
    spacing = grid.extent[axis] / (points - 1)
    index = np.arange(points)
    left = np.maximum(layer.cells - index, 0) * ("left" in sides)
    right = np.maximum(index - (points - 1 - layer.cells), 0) * ("right" in sides)
    inside = (left + right) / layer.cells
    width = layer.cells * spacing
    greatest = (layer.power + 1) * layer.velocity * 1e-3 * np.log(1 / layer.reflection) / (2 * width)
    damping = greatest * inside**layer.power
    rise = greatest * layer.power * inside ** (layer.power - 1) / width * np.sign(right - left)
    a = 1 / (1 + damping * step / 2)
    functions = []
    for name, value in {"a": a, "slope": a * rise * step / 2}.items():
        function = devito.Function(
            name=f"{name}_{dimension.name}",
            grid=grid,
            dimensions=(dimension,),
            shape=(points,),
            space_order=0,
        )
        function.data[:] = value
        functions.append(function)
    return functions[0], functions[1]
