#!/usr/bin/env python3
"""Makes the rasters of crates/pix2pix/tests/fixtures/gaps with rasterio, as GDAL writes pixels without data.

    pip install rasterio numpy && python tools/make_gap_fixtures.py

Every file is 16x16 pixels, of which GDAL takes the first column alone for "no data"; the other columns have the values
1, 2, 3, 1, 2, 3, ... All pixels of palette_whole.tif have data. Of nan.tif, the last pixel of the first row is NaN. The
tests know the same.
"""
import pathlib

import numpy
import rasterio

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "crates/pix2pix/tests/fixtures/gaps"
SIDE = 16
CLASSES = 1 + (numpy.arange(SIDE) - 1) % 3


def raster(name, nodata, first=None, dtype="uint8", colors=None, **options):
    picture = numpy.tile(CLASSES, (SIDE, 1)).astype(dtype)
    picture[:, 0] = nodata if first is None else first
    path = FOLDER / name
    shape = {"width": SIDE, "height": SIDE, "count": 1, "dtype": dtype, "nodata": nodata}
    with rasterio.open(path, "w", driver="GTiff", **shape, **options) as file:
        file.write(picture, 1)
        if colors:
            file.write_colormap(1, colors)
    with rasterio.open(path) as file:
        known = file.read_masks(1) > 0
        assert (known[:, 0] == (first is not None)).all() and known[:, 1:].all(), name


FOLDER.mkdir(exist_ok=True)
# the last class is as black as what has no data, and the others have a 0 or a 1 in one channel
land = {0: (0, 0, 0), 1: (0, 100, 0), 2: (255, 187, 1), 3: (0, 0, 0)}
raster("palette.tif", 0, colors=land, photometric="palette", compress="deflate")
raster("palette_tiled.tif", 0, colors=land, photometric="palette", tiled=True, blockxsize=16, blockysize=16)
raster("palette_whole.tif", 0, first=3, colors=land, photometric="palette", compress="deflate")
raster("bits4.tif", 15, nbits=4)
raster("white_is_zero.tif", 0, photometric="miniswhite")
raster("long.tif", 4294967295, dtype="uint32")
raster("nan.tif", -9999, dtype="float32")
with rasterio.open(FOLDER / "nan.tif", "r+") as file:
    picture = file.read(1)
    picture[0, -1] = numpy.nan
    file.write(picture, 1)
