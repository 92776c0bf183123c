"""Other programs' files: SEG-Y, netCDF and zarr, read and written.

`shots` opens gathers of any format with the geometry that they state; `segy`, `netcdf` and `hdf5` know the formats;
`export` writes surveys and predictions.
"""
