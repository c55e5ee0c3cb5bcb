#!/usr/bin/env python3
"""Makes the picture files of crates/pix2pix/tests/fixtures/pictures with Pillow, tifffile, NumPy and libjpeg's cjpeg.

    apt-get install libjpeg-turbo-progs
    pip install pillow tifffile imagecodecs numpy && python tools/make_picture_fixtures.py

Every file is 24x16 pixels; sample (x, y, channel) is (7 x + 13 y + 29 channel) mod 256, times 257 in 16 bits,
over 255 in floating point; the lossy ones hold a smooth slope, 10 x + 4 channel. The tests compute the same.
"""
import pathlib
import subprocess
import tempfile

import numpy
import tifffile
from PIL import Image, ImageCms

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


def tiff(name, array, photometric="minisblack", **options):
    tifffile.imwrite(FOLDER / name, array, photometric=photometric, **options)


RGB = BYTES[..., :3]
tiff("big.tif", WORDS[..., :3], "rgb", bigtiff=True, compression="lzw", predictor=True)
tiff("big_endian.tif", FLOATS[..., :3], "rgb", byteorder=">", compression="deflate", predictor=True)
tiff("planar_tiles.tif", numpy.moveaxis(RGB, 2, 0), "rgb", planarconfig="separate", tile=(32, 32))
tiff("zstd.tif", RGB, "rgb", compression="zstd")
tiff("near_infrared.tif", BYTES[..., :4], "rgb", extrasamples=["unspecified"])
tiff("bands6.tif", WORDS, "rgb", extrasamples=["unspecified"] * 3)
tiff("white_is_zero.tif", 255 - BYTES[..., 0], "miniswhite")
tiff("half.tif", FLOATS[..., :3].astype(numpy.float16), "rgb", compression="deflate", predictor=True)
tiff("bits12.tif", WORDS[..., 0] >> 4, bitspersample=12)
tiff("orientation6.tif", numpy.rot90(RGB).copy(), "rgb", extratags=[(274, 3, 1, 6, True)])
colors = numpy.stack([(numpy.arange(256) + 29 * c) % 256 for c in range(3)]).astype(numpy.uint16)
tiff("palette.tif", BYTES[..., 0], "palette", colormap=colors * 257)
tiff("palette_low.tif", BYTES[..., 0], "palette", colormap=colors)
tiff("ycbcr.tif", SLOPE[..., :3], "rgb", compression="jpeg", compressionargs={"level": 98})
tiff("lzw_constant.tif", numpy.full((HEIGHT, WIDTH), 7, numpy.uint8), tile=(16, 16), compression="lzw")
with tifffile.TiffWriter(FOLDER / "pyramid.tif") as file:
    file.write(RGB, photometric="rgb")
    file.write(RGB[::2, ::2].copy(), photometric="rgb", subfiletype=1)
with tifffile.TiffWriter(FOLDER / "mixed_pages.tif") as file:
    file.write(WORDS[..., 0], photometric="minisblack")
    file.write(FLOATS[..., 1].astype(numpy.float16), photometric="minisblack")
pages = numpy.moveaxis(BYTES[..., :3], 2, 0)
tiff("pages.tif", pages)
tifffile.imwrite(FOLDER / "imagej.tif", pages, imagej=True, metadata={"axes": "CYX", "unit": "um"}, resolution=(4, 4))
tifffile.imwrite(FOLDER / "microscope.ome.tif", pages, ome=True, photometric="minisblack", metadata={"axes": "CYX", "PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "um"})
tiff("complex.tif", FLOATS[..., 0].astype(numpy.complex64))
Image.fromarray(BYTES[..., 0] > 127).save(FOLDER / "fax.tif", compression="group4")
# the place of a map: pixel scale, tie point, GeoTIFF keys (EPSG 4326), and GDAL's "no data"
keys = (1, 1, 0, 3, 1024, 0, 1, 2, 1025, 0, 1, 1, 2048, 0, 1, 4326)
place = [
    (33550, 12, 3, (0.5, 0.5, 0.0), True),
    (33922, 12, 6, (0.0, 0.0, 0.0, 10.0, 50.0, 0.0), True),
    (34735, 3, len(keys), keys, True),
    (42113, 2, 6, "-9999", True),
]
tiff("map.tif", RGB, "rgb", extratags=place, resolution=(300, 300), resolutionunit=2)
srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
picture("profile.png", RGB, dpi=(300, 300), icc_profile=srgb)
picture("profile.jpg", SLOPE[..., :3], quality=98, subsampling=0, dpi=(300, 300), icc_profile=srgb)
numpy.save(FOLDER / "half.npy", FLOATS[..., :3].astype(numpy.float16))
numpy.save(FOLDER / "channels_first.npy", pages)
with tempfile.TemporaryDirectory() as folder:
    source, scans = f"{folder}/source.ppm", f"{folder}/scans"
    Image.fromarray(SLOPE[..., :3]).save(source)
    pathlib.Path(scans).write_text("1; 2; 0;\n")
    for name, options in {
        "scans.jpg": ["-sample", "2x2", "-scans", scans],
        "low_luma.jpg": ["-sample", "1x1,2x2,2x2"],
        "arithmetic.jpg": ["-arithmetic"],
    }.items():
        subprocess.run(["cjpeg", "-quality", "98", *options, "-outfile", FOLDER / name, source], check=True)
