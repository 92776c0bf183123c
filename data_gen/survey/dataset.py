"""A survey on disk as an xarray.Dataset."""

from __future__ import annotations

from pathlib import Path

import xarray

from data_gen.survey.reader import Survey


def open_survey(folder: str | Path) -> xarray.Dataset:
    """Open a finished survey; values are read when they are used.

    Variables are `gathers` (model, source, receiver, time), `velocity` (model, depth, x) [m/s], `salt_mask`, `split`
    and `parameters`, with their coordinates [m, s]. Gathers that were stored in half precision are to be multiplied by
    `scale` (model,). Raises DataError where the folder is no survey, or a shard is missing or truncated.

    >>> from data_gen import Acquisition, Grid, SurveySpecification, generate_survey, open_survey
    >>> line = Acquisition(Grid(40, 40, 15.0), sources=3, receivers=20, samples=60, sample_interval=0.008)
    >>> generate_survey(SurveySpecification(line, models=4, train_models=3), "small_survey")
    >>> survey = open_survey("small_survey")
    >>> survey.gathers.dims, survey.gathers.shape
    (('model', 'source', 'receiver', 'time'), (4, 3, 20, 60))
    >>> survey.velocity.units
    'm/s'
    """
    Survey.open(folder)
    return xarray.open_dataset(Path(folder) / "survey.h5", engine="h5netcdf")
