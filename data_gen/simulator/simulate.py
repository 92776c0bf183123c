"""One velocity model to its shot gathers, as an array that knows its coordinates."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import xarray

from data_gen.acquisition import Acquisition
from data_gen.simulator.acoustic import Simulator

_simulator = lru_cache(maxsize=2)(Simulator)


def simulate(velocity: np.ndarray, acquisition: Acquisition) -> xarray.DataArray:
    """Shot gathers (source, receiver, time) of a velocity model (depth, x) [m/s].

    Coordinates are `source` and `receiver`, their depths [m] and `time` [s]; pressure is per unit of the wavelet and
    area of a cell. The first call for an acquisition compiles its operator, which takes seconds. Raises DataError for a
    velocity that does not suit the acquisition, MachineError without a C compiler.

    >>> import numpy as np
    >>> from data_gen import Acquisition, Grid, simulate
    >>> line = Acquisition(Grid(60, 80, 10.0), sources=3, receivers=40, samples=100, sample_interval=0.008)
    >>> velocity = np.full((60, 80), 2000.0)
    >>> velocity[30:] = 3000.0
    >>> gathers = simulate(velocity, line)
    >>> gathers.dims, gathers.shape
    (('source', 'receiver', 'time'), (3, 40, 100))
    >>> float(gathers.time[-1]), gathers.time.units
    (0.792, 's')
    """
    values = _simulator(acquisition).gather(np.asarray(velocity, np.float32))
    coordinates = {
        "source": ("source", acquisition.source_x, {"long_name": "x of the source", "units": "m"}),
        "receiver": ("receiver", acquisition.receiver_x, {"long_name": "x of the receiver", "units": "m"}),
        "source_depth": ("source", acquisition.source_z, {"long_name": "depth of the source", "units": "m"}),
        "receiver_depth": ("receiver", acquisition.receiver_z, {"long_name": "depth of the receiver", "units": "m"}),
        "time": ("time", acquisition.time, {"long_name": "time", "units": "s"}),
    }
    about = {"long_name": "pressure, per unit of the wavelet and area of a cell", "units": "1"}
    return xarray.DataArray(values, coordinates, ("source", "receiver", "time"), "gathers", about)
