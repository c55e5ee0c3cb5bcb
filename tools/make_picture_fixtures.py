#!/usr/bin/env python3
"""Makes the picture files of crates/pix2pix/tests/fixtures/pictures with Pillow, tifffile and NumPy.

    pip install pillow tifffile imagecodecs numpy && python tools/make_picture_fixtures.py

Every file is 24x16 pixels; sample (x, y, channel) is (7 x + 13 y + 29 channel) mod 256, times 257 in 16 bits,
over 255 in floating point; the lossy ones hold a smooth slope, 10 x + 4 channel. The tests compute the same.
"""
import pathlib

import numpy
import tifffile
from PIL import Image

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "crates/pix2pix/tests/fixtures/pictures"
WIDTH, HEIGHT = 24, 16
y, x, c = numpy.mgrid[0:HEIGHT, 0:WIDTH, 0:6]
BYTES = ((7 * x + 13 * y + 29 * c) % 256).astype(numpy.uint8)
SLOPE = (10 * x + 4 * c).astype(numpy.uint8)
WORDS = BYTES.astype(numpy.uint16) * 257
FLOATS = (BYTES / 255).astype(numpy.float32)


def picture(name, array, **options):
    Image.fromarray(array.squeeze()).save(FOLDER / name, **options)


FOLDER.mkdir(exist_ok=True)
picture("gray8.png", BYTES[..., :1])
picture("la8.png", BYTES[..., :2])
picture("rgb8.png", BYTES[..., :3])
picture("rgba8.png", BYTES[..., :4])
picture("gray16.png", WORDS[..., :1])
picture("rgb8.bmp", BYTES[..., :3])
picture("rgb8.webp", BYTES[..., :3], lossless=True)
picture("rgb.jpg", SLOPE[..., :3], quality=98, subsampling=0)
Image.fromarray(SLOPE[..., :3]).convert("CMYK").save(FOLDER / "cmyk.jpg", quality=98, subsampling=0)
exif = Image.Exif()
exif[0x0112] = 6  # turned a quarter clockwise to be seen upright
picture("turned.jpg", SLOPE[..., :3], quality=98, subsampling=0, exif=exif)
palette = Image.fromarray(BYTES[..., 0]).convert("P")
palette.putpalette([value for i in range(256) for value in (i, (i + 29) % 256, (i + 58) % 256)])
palette.save(FOLDER / "palette.png")
tifffile.imwrite(FOLDER / "rgb8.tif", BYTES[..., :3], photometric="rgb", compression="lzw")
tifffile.imwrite(FOLDER / "gray16.tif", WORDS[..., 0], photometric="minisblack", compression="deflate")
tifffile.imwrite(FOLDER / "float.tif", FLOATS[..., 0], photometric="minisblack")
tifffile.imwrite(FOLDER / "bands5.tif", WORDS[..., :5], photometric="minisblack", planarconfig="contig")
tifffile.imwrite(FOLDER / "planar5.tif", numpy.moveaxis(FLOATS[..., :5], 2, 0), photometric="minisblack", planarconfig="separate")
tifffile.imwrite(FOLDER / "signed16.tif", WORDS[..., 0].astype(numpy.int32).__sub__(32768).astype(numpy.int16), photometric="minisblack")
numpy.save(FOLDER / "gray8.npy", BYTES[..., 0])
numpy.save(FOLDER / "rgb16.npy", WORDS[..., :3])
numpy.save(FOLDER / "float6.npy", FLOATS)
numpy.save(FOLDER / "double.npy", FLOATS[..., :1].astype(numpy.float64))
numpy.save(FOLDER / "fortran.npy", numpy.asfortranarray(BYTES[..., :3]))
