"""Makes picture files, reads each with the program, and compares the pixels: see check_pictures."""
import collections
import concurrent.futures
import contextlib
import io
import itertools
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib

import imagecodecs
import numpy
import tifffile
from PIL import Image

PROGRAM, FOLDER = sys.argv[1], pathlib.Path(sys.argv[2])
FOLDER.mkdir(parents=True, exist_ok=True)
WIDTH, HEIGHT = 53, 37
random = numpy.random.default_rng(1)

# What should become of a file: its pixels with the difference that is allowed, REFUSED, or EITHER of both.
REFUSED, EITHER = "refused", "either"
expected = {}


def expect(name, pixels, allowed=0, either=False):
    """The file should be read as these pixels; with `either`, it may also be refused."""
    expected[name] = (EITHER if either else "read", pixels, allowed)


def refuse(name):
    expected[name] = (REFUSED, None, 0)


def waves(channels, high, kind, width=WIDTH, height=HEIGHT):
    """A smooth picture from 0 to `high`."""
    y, x = numpy.mgrid[0:height, 0:width]
    planes = [0.5 + 0.5 * numpy.sin(x / (5 + c) + c) * numpy.cos(y / (7 - c % 3) - c) for c in range(channels)]
    picture = (numpy.stack(planes, -1) * high).astype(kind)
    return picture if channels > 1 else picture[..., 0]


def run(*command):
    """Runs a tool; whether it succeeded."""
    return subprocess.run([str(part) for part in command], capture_output=True).returncode == 0


@contextlib.contextmanager
def quiet():
    """Leaves out what libtiff prints of combinations that it does not write."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def tiff(name, picture, pixels=None, **options):
    path = FOLDER / f"{name}.tif"
    tifffile.imwrite(path, picture, **options)
    expect(path.name, picture if pixels is None else pixels)


KINDS = {
    "u8": (255, numpy.uint8), "u16": (65535, numpy.uint16), "u32": (4e9, numpy.uint32), "u64": (2**40, numpy.uint64),
    "i8": (127, numpy.int8), "i16": (32767, numpy.int16), "i32": (2e9, numpy.int32), "i64": (2**40, numpy.int64),
    "f16": (1, numpy.float16), "f32": (1, numpy.float32), "f64": (1, numpy.float64),
}


def samples_and_bands():
    for kind, (high, dtype) in KINDS.items():
        for channels, extra in [(1, 0), (2, 1), (3, 0), (4, 1), (5, 4), (6, 3)]:
            picture = waves(channels, high, dtype)
            color = "rgb" if channels in (3, 4, 6) else "minisblack"
            options = {"photometric": color, "extrasamples": ["unspecified"] * extra or None}
            tiff(f"{kind}-{channels}", picture, planarconfig="contig" if channels > 1 else None, **options)
            if channels > 1:
                planes = numpy.moveaxis(picture, -1, 0)
                tiff(f"{kind}-{channels}-planar", planes, picture, planarconfig="separate", **options)
    for bits in (2, 3, 4, 5, 6, 7, 10, 12, 14, 15):
        values = waves(1, 2**bits - 1, numpy.uint16 if bits > 8 else numpy.uint8)
        stretched = numpy.round(values.astype(float) * 255 / (2**bits - 1)).astype(numpy.uint8)
        tiff(f"bits{bits}", values, values if bits > 8 else stretched, photometric="minisblack", bitspersample=bits)
    bilevel = waves(1, 1, numpy.float32) > 0.5
    tiff("bilevel", bilevel, bilevel.astype(numpy.uint8) * 255, photometric="minisblack")
    tiff("bilevel-white", bilevel, (~bilevel).astype(numpy.uint8) * 255, photometric="miniswhite")
    for kind in ("u8", "u16"):
        high, dtype = KINDS[kind]
        tiff(f"white-{kind}", waves(1, high, dtype), high - waves(1, high, dtype), photometric="miniswhite")
    tiff("white-f32", waves(1, 1, numpy.float32), photometric="miniswhite")
    refuse("white-f32.tif")


def compressions():
    lossy = ("jpeg", "webp", "jpegxl", "jpeg2000")
    known = ("lzw", "deflate", "adobe_deflate", "packbits", "zstd", "lerc")
    for name in (*known, "webp", "jpeg", "lzma", "jpegxl", "jpeg2000", "png"):
        for predictor, kind, channels, tile in itertools.product(
            (False, True), ("u8", "u16", "f32"), (1, 3), (None, (16, 32))
        ):
            file = f"{name}-{predictor:d}-{kind}-{channels}-{'tiles' if tile else 'strips'}.tif"
            high, dtype = KINDS[kind]
            try:
                tifffile.imwrite(
                    FOLDER / file, waves(channels, high, dtype), compression=name, predictor=predictor, tile=tile,
                    photometric="rgb" if channels == 3 else "minisblack",
                )
            except Exception:  # a combination that tifffile does not write
                (FOLDER / file).unlink(missing_ok=True)
                continue
            certain = name in known and not (name == "lerc" and predictor) or name == "jpeg" and kind == "u8"
            expect(file, tifffile.imread(FOLDER / file), 8 if name in lossy else 0, either=not certain)
    for order, big, kind in itertools.product("<>", (False, True), ("u8", "u16", "f32", "f64")):
        high, dtype = KINDS[kind]
        name = f"{'little' if order == '<' else 'big'}-{'big' if big else 'classic'}-{kind}"
        options = {"photometric": "rgb", "compression": "lzw", "predictor": True}
        tiff(name, waves(3, high, dtype), byteorder=order, bigtiff=big, **options)
    for tile, planar in itertools.product([(16, 16), (32, 64), (64, 64), (16, 48)], ("contig", "separate")):
        picture = waves(3, 255, numpy.uint8)
        stored = picture if planar == "contig" else numpy.moveaxis(picture, -1, 0)
        tiff(f"tile{tile[0]}x{tile[1]}-{planar}", stored, picture, photometric="rgb", planarconfig=planar, tile=tile)
    for rows in (1, 5, 8, 37, 100):
        tiff(f"rows{rows}", waves(3, 255, numpy.uint8), photometric="rgb", rowsperstrip=rows, compression="deflate")
    tiff("constant", numpy.full((HEIGHT, WIDTH), 7, numpy.uint8), tile=(16, 16), compression="lzw")


def colors():
    index = waves(1, 255, numpy.uint8)
    for name, shift in (("palette", 257), ("palette-high", 256), ("palette-low", 1)):
        table = random.integers(0, 256, (3, 256)).astype(numpy.uint16)
        pixels = numpy.moveaxis(table[:, index], 0, -1).astype(numpy.uint8)
        tiff(name, index, pixels, photometric="palette", colormap=table * shift)
    tifffile.imwrite(FOLDER / "cmyk.tif", waves(4, 255, numpy.uint8), photometric="separated")
    expect("cmyk.tif", numpy.asarray(Image.open(FOLDER / "cmyk.tif").convert("RGB")), 1)
    for mode, compression in itertools.product(
        ("1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "F", "I", "LA"),
        (None, "tiff_lzw", "tiff_deflate", "packbits", "jpeg", "group3", "group4", "zstd", "lzma"),
    ):
        name = f"pillow-{mode.replace(';', '')}-{compression}.tif"
        picture = {
            "I;16": lambda: Image.fromarray(waves(1, 65535, numpy.uint16)),
            "F": lambda: Image.fromarray(waves(1, 1000, numpy.float32)),
            "I": lambda: Image.fromarray(waves(1, 1000, numpy.int32)),
            "LA": lambda: Image.fromarray(waves(2, 255, numpy.uint8)),
            "RGBA": lambda: Image.fromarray(waves(4, 255, numpy.uint8)),
            "CMYK": lambda: Image.frombytes("CMYK", (WIDTH, HEIGHT), waves(4, 255, numpy.uint8).tobytes()),
            "LAB": lambda: Image.frombytes("LAB", (WIDTH, HEIGHT), waves(3, 255, numpy.uint8).tobytes()),
        }.get(mode, lambda: Image.fromarray(waves(3, 255, numpy.uint8)).convert(mode))()
        try:
            with quiet():
                picture.save(FOLDER / name, compression=compression)
        except Exception:  # a combination that Pillow does not write
            (FOLDER / name).unlink(missing_ok=True)
            continue
        if mode == "LAB":
            pixels = libtiff_rgb(FOLDER / name)
        else:
            read = Image.open(FOLDER / name)
            read = read.convert("RGB") if mode in ("P", "CMYK", "YCbCr") else read
            pixels = numpy.asarray(read)
            pixels = pixels.astype(numpy.uint8) * 255 if mode == "1" else pixels
        either = compression in ("group3", "group4", "lzma") or mode in ("LAB", "LA") and compression == "jpeg"
        expect(name, pixels, 8 if compression == "jpeg" else mode in ("CMYK", "YCbCr", "LAB"), either)
    for across, down, compression in itertools.product((1, 2, 4), (1, 2, 4), (1, 8)):
        if down <= across:
            raw_ycbcr(f"ycbcr-{across}{down}-{compression}.tif", across, down, compression)


def libtiff_rgb(path):
    """The pixels that libtiff shows."""
    with tempfile.TemporaryDirectory() as folder:
        shown = pathlib.Path(folder) / "shown.tif"
        return tifffile.imread(shown)[..., :3] if run("tiff2rgba", path, shown) else None


def raw_ycbcr(name, across, down, compression):
    """A TIFF file of one strip with subsampled chroma that is not compressed by JPEG."""
    values = numpy.asarray(Image.fromarray(waves(3, 255, numpy.uint8)).convert("YCbCr"))
    rows, columns = -(-HEIGHT // down), -(-WIDTH // across)
    values = numpy.pad(values, ((0, rows * down - HEIGHT), (0, columns * across - WIDTH), (0, 0)), mode="edge")
    units = bytearray()
    for y, x in itertools.product(range(rows), range(columns)):
        unit = values[y * down :][:down, x * across :][:, :across]
        units += unit[..., 0].tobytes() + bytes(int(unit[..., c].mean()) for c in (1, 2))
    strip = bytes(units) if compression == 1 else zlib.compress(bytes(units))
    strip += b"\0" * (len(strip) % 2)
    black_and_white = [0, 1, 255, 1, 128, 1, 255, 1, 128, 1, 255, 1]
    tags = [
        (256, "H", [WIDTH]), (257, "H", [HEIGHT]), (258, "H", [8] * 3), (259, "H", [compression]), (262, "H", [6]),
        (273, "I", [8]), (277, "H", [3]), (278, "H", [HEIGHT]), (279, "I", [len(strip)]), (530, "H", [across, down]),
        (532, "II", black_and_white),
    ]
    directory, behind = struct.pack("<H", len(tags)), b""
    end = 8 + len(strip) + 2 + 12 * len(tags) + 4
    for code, kind, numbers in tags:
        data = struct.pack(f"<{len(numbers)}{kind[0]}", *numbers)
        count = len(numbers) // len(kind)
        directory += struct.pack("<HHI", code, {"H": 3, "I": 4, "II": 5}[kind], count)
        directory += data.ljust(4, b"\0") if len(data) <= 4 else struct.pack("<I", end + len(behind))
        behind += data if len(data) > 4 else b""
    head = struct.pack("<2sHI", b"II", 42, 8 + len(strip))
    (FOLDER / name).write_bytes(head + strip + directory + bytes(4) + behind)
    expect(name, libtiff_rgb(FOLDER / name), 4)


def oriented(picture, orientation):
    """The picture as it is shown."""
    return numpy.ascontiguousarray({
        1: lambda p: p, 2: lambda p: p[:, ::-1], 3: lambda p: p[::-1, ::-1], 4: lambda p: p[::-1],
        5: lambda p: numpy.swapaxes(p, 0, 1), 6: lambda p: numpy.rot90(p, -1),
        7: lambda p: numpy.swapaxes(p[::-1, ::-1], 0, 1), 8: numpy.rot90,
    }[orientation](picture))


def pages_and_orientations():
    for count in (2, 3, 5):
        stack = numpy.stack([waves(1, 255, numpy.uint8) // (page + 1) for page in range(count)])
        for name, options in {
            "pages": {"photometric": "minisblack"},
            "imagej-c": {"imagej": True, "metadata": {"axes": "CYX"}},
            "imagej-z": {"imagej": True, "metadata": {"axes": "ZYX"}},
            "ome": {"ome": True, "photometric": "minisblack", "metadata": {"axes": "CYX"}},
        }.items():
            tifffile.imwrite(FOLDER / f"{name}{count}.tif", stack, **options)
            refuse(f"{name}{count}.tif")
    tiff("imagej-1", waves(1, 65535, numpy.uint16), imagej=True)
    tiff("imagej-rgb", waves(3, 255, numpy.uint8), imagej=True)
    tiff("ome-1", waves(1, 65535, numpy.uint16), ome=True)
    large = waves(3, 255, numpy.uint8, 128, 96)
    for name, options in {"pyramid-sub": {"subifds": 1}, "pyramid-pages": {}}.items():
        with tifffile.TiffWriter(FOLDER / f"{name}.tif") as file:
            file.write(large, photometric="rgb", tile=(32, 32), **options)
            file.write(large[::2, ::2].copy(), photometric="rgb", tile=(32, 32), subfiletype=1)
        expect(f"{name}.tif", large)
    colors = waves(3, 255, numpy.uint8)
    for orientation in range(1, 9):
        tag = [(274, 3, 1, orientation, True)]
        for channels, kind in ((3, "u8"), (1, "u16"), (1, "f32")):
            high, dtype = KINDS[kind]
            picture = waves(channels, high, dtype)
            color = "rgb" if channels == 3 else "minisblack"
            shown = oriented(picture, orientation)
            tiff(f"orientation{orientation}-{kind}", picture, shown, photometric=color, extratags=tag)
        exif = Image.Exif()
        exif[274] = orientation
        for ending, options in {"png": {}, "webp": {"lossless": True}, "jpg": {"quality": 95, "subsampling": 0}}.items():
            path = FOLDER / f"orientation{orientation}.{ending}"
            Image.fromarray(colors).save(path, exif=exif, **options)
            expect(path.name, oriented(numpy.asarray(Image.open(path)), orientation), 4 if ending == "jpg" else 0)


def libtiff():
    sources = {
        "rgb": waves(3, 255, numpy.uint8), "gray": waves(1, 255, numpy.uint8), "rgb16": waves(3, 65535, numpy.uint16),
        "float": waves(1, 1, numpy.float32),
    }
    layouts = (("-r", "1"), ("-r", "7"), ("-t", "-w", "16", "-l", "16"), ("-t", "-w", "64", "-l", "32"))
    methods = ("none", "lzw", "lzw:2", "zip", "zip:2", "zip:3", "packbits", "zstd", "jpeg", "lerc", "webp")
    for name, picture in sources.items():
        source = FOLDER / "source"
        tifffile.imwrite(source, picture, photometric="rgb" if picture.ndim == 3 else "minisblack")
        for planar, layout, method, order in itertools.product(("contig", "separate"), layouts, methods, "LB"):
            # libtiff itself reads floats in another byte order than the machine's wrongly
            if order == "B" and method not in ("lzw:2", "none"):
                continue
            file = f"libtiff-{name}-{planar}-{''.join(layout).replace('-', '')}-{method.replace(':', '')}-{order}.tif"
            if not run("tiffcp", f"-{order}", "-p", planar, *layout, "-c", method, source, FOLDER / file):
                (FOLDER / file).unlink(missing_ok=True)
                continue
            lossy = method in ("jpeg", "webp")
            shown = libtiff_rgb(FOLDER / file) if lossy else picture
            pixels = shown[..., 0] if lossy and picture.ndim == 2 else shown
            expect(file, pixels, 8 if lossy else 0, either=method in ("lerc", "webp"))
        source.unlink()
    tifffile.imwrite(FOLDER / "source", sources["rgb"], photometric="rgb")
    for order in ("msb2lsb", "lsb2msb"):
        run("tiffcp", "-f", order, "-c", "lzw", FOLDER / "source", FOLDER / f"fill-{order}.tif")
        expect(f"fill-{order}.tif", sources["rgb"])
    (FOLDER / "source").unlink()


SCANS = {"together": "0,1,2;", "apart": "0; 1; 2;", "luma": "0; 1,2;", "chroma": "1; 2; 0;", "uneven": "0,1; 2;"}
SAMPLING = (
    "1x1", "2x1", "1x2", "2x2", "4x1", "4x2", "1x4", "2x4", "3x1", "1x1,2x2,2x2", "1x1,2x1,2x1", "1x2,2x1,1x1",
    "2x2,2x1,1x2", "2x2,1x2,1x2", "1x1,1x2,1x2",
)


def jpegs():
    modes = {"baseline": [], "progressive": ["-progressive"], "restart": ["-restart", "1"], "arithmetic": ["-arithmetic"]}
    with tempfile.TemporaryDirectory() as folder:
        for name, script in SCANS.items():
            path = pathlib.Path(folder) / name
            path.write_text(script + "\n")
            modes[f"scans-{name}"] = ["-scans", str(path)]
        for width, height in ((53, 37), (64, 48), (88, 88), (130, 70)):
            picture, source = waves(3, 255, numpy.uint8, width, height), f"{folder}/source.ppm"
            Image.fromarray(picture).save(source)
            for sampling, (mode, options) in itertools.product(SAMPLING, modes.items()):
                if mode == "arithmetic" and width != 53:
                    continue
                file = f"jpeg-{width}x{height}-{sampling.replace(',', '-')}-{mode}.jpg"
                if not run("cjpeg", "-quality", 92, "-sample", sampling, *options, "-outfile", FOLDER / file, source):
                    (FOLDER / file).unlink(missing_ok=True)
                elif mode == "arithmetic":
                    refuse(file)
                else:
                    shown = subprocess.run(["djpeg", "-ppm", FOLDER / file], capture_output=True, check=True).stdout
                    expect(file, numpy.asarray(Image.open(io.BytesIO(shown))), 12)
            for name, options in {"gray": ["-grayscale"], "rgb": ["-rgb"], "rgb-progressive": ["-rgb", "-progressive"]}.items():
                file = f"jpeg-{width}x{height}-{name}.jpg"
                run("cjpeg", "-quality", 92, *options, "-outfile", FOLDER / file, source)
                expect(file, numpy.asarray(Image.open(FOLDER / file)), 8)
            inks = Image.frombytes("CMYK", (width, height), waves(4, 255, numpy.uint8, width, height).tobytes())
            for progressive in (False, True):
                file = f"jpeg-{width}x{height}-cmyk-{progressive:d}.jpg"
                inks.save(FOLDER / file, quality=92, progressive=progressive)
                expect(file, numpy.asarray(Image.open(FOLDER / file).convert("RGB")), 8)


def odd_files():
    """Whole files with something odd, files that are cut, and files of other formats."""
    picture = waves(3, 255, numpy.uint8)

    def encoded(kind, **options):
        to = io.BytesIO()
        Image.fromarray(picture).save(to, kind, **options)
        return to.getvalue()

    def put(name, content, pixels=picture, allowed=0, either=False):
        (FOLDER / name).write_bytes(content)
        refuse(name) if pixels is None else expect(name, pixels, allowed, either)

    jpeg = encoded("JPEG", quality=95)
    shown = numpy.asarray(Image.open(io.BytesIO(jpeg)))
    video = b"\0\0\0\x18ftypmp42" + random.bytes(300_000)
    for name, behind in {"zeros": bytes(200_000), "ones": b"\xff" * 5000, "video": video, "again": jpeg}.items():
        put(f"behind-{name}.jpg", jpeg + behind, shown, 4)
    for name, marker in {"tables": b"\xff\xdb", "codes": b"\xff\xc4", "scan": b"\xff\xda", "end": b"\xff\xd9"}.items():
        at = jpeg.rindex(marker) if name == "end" else jpeg.index(marker)
        put(f"stray-{name}.jpg", jpeg[:at] + b"\x00\x12" + jpeg[at:], shown, 4)
        put(f"filled-{name}.jpg", jpeg[:at] + b"\xff\xff\xff" + jpeg[at:], shown, 4)
    put("no-end.jpg", jpeg[:-2], shown, 4, either=True)
    png, webp, bmp = encoded("PNG"), encoded("WEBP", lossless=True), encoded("BMP")
    for name, content in {"jpg": jpeg, "png": png, "webp": webp, "bmp": bmp}.items():
        put(f"half.{name}", content[: len(content) // 2], None)
    put("most.jpg", jpeg[: len(jpeg) * 9 // 10], None)
    put("behind.png", png + bytes(100_000))
    put("behind.webp", webp + bytes(1000))
    put("behind.bmp", bmp + bytes(999))
    for said in (0, 2, len(bmp) + 2, len(bmp) - 50, 10**6):
        put(f"length{said}.bmp", bmp[:2] + struct.pack("<I", said) + bmp[6:])
    for mode in ("1", "L", "P", "RGB", "RGBA", "LA"):
        image = Image.fromarray(picture).convert(mode)
        for ending in ("png", "bmp"):
            path = FOLDER / f"mode-{mode}.{ending}"
            try:
                image.save(path)
            except OSError:  # BMP has no LA
                continue
            shown = {"1": "L", "P": "RGB"}.get(mode, mode) if ending == "png" else "RGB"
            expect(path.name, numpy.asarray(Image.open(path).convert(shown)))
    for channels in (1, 2, 3, 4):
        deep = waves(channels, 65535, numpy.uint16)
        put(f"deep{channels}.png", imagecodecs.png_encode(deep), deep)
    for kind, channels, order, end in itertools.product(
        ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"), (1, 3, 5), "CF", "<>"
    ):
        dtype = numpy.dtype(end + kind)
        high = 1 if dtype.kind == "f" else numpy.iinfo(dtype).max * 0.99
        name = f"array-{kind}-{channels}-{order}-{'little' if end == '<' else 'big'}.npy"
        values = waves(channels, high, numpy.float64).astype(dtype)
        numpy.save(FOLDER / name, numpy.asarray(values, order=order))
        expect(name, values.astype(dtype.newbyteorder("=")))
    numpy.save(FOLDER / "planes.npy", numpy.moveaxis(picture, -1, 0))
    refuse("planes.npy")


def read(name):
    """The pixels that the program reads, or its error."""
    with tempfile.TemporaryDirectory() as folder:
        for side in "AB":
            os.makedirs(f"{folder}/in/{side}")
            shutil.copy(FOLDER / name, f"{folder}/in/{side}/x{pathlib.Path(name).suffix}")
        command = [PROGRAM, "prepare", "combine", f"{folder}/in", "--out", f"{folder}/out", "--threads", "1"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            lines = done.stderr.strip().splitlines()
            assert done.returncode == 1 and len(lines) == 1, f"{name}: exit code {done.returncode}: {done.stderr}"
            return None, lines[0]
        (made,) = pathlib.Path(folder, "out").glob("x.*")
        both = tifffile.imread(made) if made.suffix == ".tif" else imagecodecs.png_decode(made.read_bytes())
        return both[:, : both.shape[1] // 2], ""


def fault(name):
    """What is wrong with the reading of a file, or None."""
    wanted, pixels, allowed = expected[name]
    found, error = read(name)
    if found is None:
        return f"refused: {error}" if wanted == "read" else None
    if wanted == REFUSED:
        return "read, though it should be refused"
    assert pixels is not None, f"{name}: no library decodes it"
    found, pixels = (array.reshape(*array.shape[:2], -1) for array in (found, pixels))
    if found.shape != pixels.shape:
        return f"read as {found.shape} instead of {pixels.shape}"
    if pixels.dtype.kind == "u" and pixels.dtype.itemsize <= 2 and found.dtype != pixels.dtype:
        return f"read as {found.dtype} instead of {pixels.dtype}"
    found, pixels = found.astype(numpy.float64), pixels.astype(numpy.float64)
    # other numbers than 8 and 16 bits become 32-bit floats
    allowed += 1e-6 * numpy.abs(pixels).max()
    worst = numpy.abs(found - pixels).max()
    return f"wrong by {worst:.3g}" if not worst <= allowed else None


for make in (samples_and_bands, compressions, colors, pages_and_orientations, libtiff, jpegs, odd_files):
    make()
with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    names = sorted(expected)
    faults = {name: said for name, said in zip(names, pool.map(fault, names)) if said}
for name, said in faults.items():
    print(f"error: {name}: {said}", file=sys.stderr)
counts = collections.Counter(wanted for wanted, _, _ in expected.values())
assert counts["read"] > 1000, counts
print(f"{len(expected)} files: {counts['read']} to be read, {counts[REFUSED]} to be refused, {counts[EITHER]} of either")
sys.exit(bool(faults))
