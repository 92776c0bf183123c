"""Shot gathers of any format, with what their file says of geometry and time: `open_shots(path)`.

.sgy .segy      SEG-Y: one survey
.nc .h5 .hdf5   netCDF or HDF5: `gathers` (model, source, receiver, time), or one survey without the first axis
.zarr           the same as a zarr store
.npy            the array alone
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import h5py

from data_gen.errors import DataError
from data_gen.formats.shots import Geometry, Shots
from data_gen.reading import check_regular, open_npy, reading, sources
from data_gen.survey.checked import has_checksum, verify

SEGY = (".sgy", ".segy")


@contextmanager
def open_shots(path: Path) -> Iterator[Shots]:
    """The gathers of a file, open for as long as this lasts; raises DataError where it cannot be read."""
    store = path.is_dir() and path.suffix.lower() == ".zarr"
    if path.is_dir() and not store:
        raise DataError(f"{path} is a folder, not a file of gathers: a survey's is its survey.h5")
    if not store:
        check_regular(path)
    with ExitStack() as stack:
        if path.suffix.lower() in SEGY:
            from data_gen.formats.shots_segy import shots_of_segy

            yield shots_of_segy(path)
        elif path.suffix.lower() == ".npy":
            yield Shots(open_npy(path), Geometry())
        else:
            from data_gen.formats.netcdf import open_netcdf, open_zarr
            from data_gen.formats.shots_netcdf import shots_of_dataset

            if not store:
                _verify_sources(path)
            data = stack.enter_context(open_zarr(path) if store else open_netcdf(path))
            with reading(path):
                shots = shots_of_dataset(path, data)
            yield shots


def _verify_sources(path: Path) -> None:
    """Raise DataError where the files that an HDF5 file's gathers lie in are missing, or shards that are damaged."""
    if not h5py.is_hdf5(path):
        return
    for source in sorted(set().union(*(sources(path, name) for name in ("gathers", "scale", "velocity")))):
        if has_checksum(source):
            verify(source)  # a survey's own shard
