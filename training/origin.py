"""Where the weights of a run come from that does not begin anew."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Start:
    """Weights that a run began with, or went on with when it was finished once.

    `epochs` of the run were done before; `name` is the other run's, None for a run that goes on. `known` tells whether
    the models are known that these weights were trained on, `state` whether the optimizer's was kept too.
    """

    epochs: int = 0
    name: str | None = None
    known: bool = True
    state: bool = False


@dataclass(frozen=True)
class Source:
    """A network to begin with: its `name`, its archive, and fingerprints of what it was `trained_on`, if known."""

    name: str
    file: Path
    trained_on: set[str] | None
