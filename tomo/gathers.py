"""Somebody's own gathers, opened for a network, with a word on what was understood."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from data_gen.errors import SettingError
from tomo.console import remark

if TYPE_CHECKING:
    from training.ensemble import Ensemble
    from training.gather_file import GatherFile
    from training.predictor import Predictor


@contextmanager
def gathers_for(
    predictor: Predictor | Ensemble, path: Path, origin: float, rescale: bool = False
) -> Iterator[GatherFile]:
    """A file of gathers that the network can read, in its unit, open for as long as this lasts.

    For a network that reads panels of any line over its grid, which begins at `origin` [m] in the file's x; for others
    of their own line, with `rescale` of another unit. Raises SettingError for an origin where there is one line alone,
    DataError for what cannot be read.
    """
    from training.inspection import inspect
    from training.prediction import in_the_network_s_unit, open_gathers, open_line

    of_any_line = predictor.card.panels is not None
    if origin and not of_any_line:
        raise SettingError("--origin is for networks that read panels: this one knows one line alone")
    opened = (
        open_line(path, predictor.acquisition, origin) if of_any_line else open_gathers(path, predictor.acquisition)
    )
    with opened as given:
        if given.adapted is None:
            given = in_the_network_s_unit(given, predictor.network, rescale)
            if rescale:
                print(f"Gathers are multiplied by {given.factor:.4g}")
        else:
            found = inspect(given)
            for text in (
                f"{given.acquisition}",
                *given.adapted.remarks,
                found.phrase(),
                f"amplitudes, of RMS {found.rms:.3g}, are divided out: their unit does not matter",
            ):
                remark(f"{path.name}: {text}")
        before = len(predictor.turned)
        yield given
        if phases := predictor.turned[before:]:
            remark(f"{path.name}: {_said(phases)}")


def _said(phases: list[float]) -> str:
    """What was done to gathers of wavelets turned by these angles [degrees]."""
    import numpy as np
    from scipy.stats import circmean, circstd

    mean, spread = (which(phases, high=180, low=-180) for which in (circmean, circstd))
    reversed_ = np.isclose(abs(mean), 180, atol=20)
    what = "the polarity is reversed" if reversed_ else f"the wavelet's phase is turned by {mean:.0f} degrees"
    models = f"{len(phases)} model{'s' * (len(phases) > 1)}"
    return f"in {models} {what} against training (within {spread:.0f} degrees): turned back for the network"
