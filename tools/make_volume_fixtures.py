#!/usr/bin/env python3
"""Makes the volumes of crates/pix2pix/tests/fixtures/volumes with nibabel.

    pip install nibabel numpy && python tools/make_volume_fixtures.py

Every volume has 18 columns, 16 rows and 5 slices. The values of voxel [i, j, k] follow from 7 i + 13 j + 29 k; NAME.npy holds
them as nibabel's get_fdata() reads them back, slice below slice: row 16 k + j, column i. expected.json has the shape, the
directions of the axes and the affine of each, as nibabel reads them.
"""
import json
import pathlib

import nibabel
import numpy

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "crates/pix2pix/tests/fixtures/volumes"
SHAPE = (18, 16, 5)
i, j, k = numpy.mgrid[0:SHAPE[0], 0:SHAPE[1], 0:SHAPE[2]]
NUMBERS = 7 * i + 13 * j + 29 * k
BYTES = (NUMBERS % 256).astype(numpy.uint8)


def turned(x, y, z):
    """A rotation about the three axes, in radians."""
    cx, cy, cz, sx, sy, sz = *numpy.cos([x, y, z]), *numpy.sin([x, y, z])
    return (
        numpy.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
        @ numpy.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        @ numpy.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    )


def affine(rotation, spacing, origin):
    matrix = numpy.eye(4)
    matrix[:3, :3] = rotation @ numpy.diag(spacing)
    matrix[:3, 3] = origin
    return matrix


UPRIGHT = affine(numpy.eye(3), (1, 1, 2.5), (-9, -8, -5))
OBLIQUE = affine(turned(0.2, -0.3, 0.1), (0.9, 1.1, 3.0), (-80.5, 12.25, 40.0))
# coronal slices, seen from the front: columns to the left, rows down, slices to the back
CORONAL = affine(numpy.array([[-1, 0, 0], [0, 0, -1], [0, -1, 0]]) @ turned(0.1, 0.2, 0), (1, 2, 4), (30, 60, 90))
MIRRORED = affine(numpy.diag([-1, 1, 1]), (1, 1, 2.5), (9, -8, -5))
expected = {}


def save(name, data, matrix, kind=nibabel.Nifti1Image, change=None, order="<", known=True):
    header = (nibabel.Nifti1Header if kind is nibabel.Nifti1Image else nibabel.Nifti2Header)(endianness=order)
    header.set_data_dtype(data.dtype)
    header.set_xyzt_units("mm", "sec")
    header["descrip"] = b"made by nibabel"
    image = kind(data, matrix, header)
    if change:
        change(image)
    nibabel.save(image, FOLDER / name)
    if not known:
        return
    image = nibabel.load(FOLDER / name)
    if data.dtype.names:  # colors
        values = numpy.stack([numpy.asarray(image.dataobj)[band] for band in data.dtype.names], -1)
    else:
        values = image.get_fdata()
    values = values.reshape(*values.shape[:3], -1)
    rows = numpy.transpose(values, (2, 1, 0, 3)).reshape(-1, SHAPE[0], values.shape[3])
    numpy.save(FOLDER / (name.split(".")[0] + ".npy"), rows.astype(numpy.float32))
    expected[name] = {
        "shape": list(image.shape),
        "axes": "".join(nibabel.aff2axcodes(image.affine)),
        "affine": image.affine.tolist(),
    }


def by_quaternion(image):
    image.set_qform(image.affine, code=1)
    image.set_sform(None)


def scaled(image):
    image.header.set_slope_inter(0.5, -3)


FOLDER.mkdir(exist_ok=True)
save("u8.nii", BYTES, UPRIGHT)
save("i16.nii.gz", (NUMBERS - 200).astype(numpy.int16), OBLIQUE, change=scaled)
save("u16_big.nii", (NUMBERS * 40).astype(numpy.uint16), UPRIGHT, order=">")
save("f32_big.nii.gz", (NUMBERS / 7).astype(numpy.float32), OBLIQUE, order=">")
save("f64.nii", NUMBERS / 3, CORONAL, change=by_quaternion)
save("i32.nii", NUMBERS.astype(numpy.int32) - 5, MIRRORED)
save("i8.nii", (NUMBERS % 100 - 50).astype(numpy.int8), MIRRORED, change=by_quaternion)
save("two.nii.gz", numpy.stack([BYTES, 255 - BYTES], -1), UPRIGHT)
save("rgb.nii", numpy.stack([BYTES, BYTES // 2, 255 - BYTES], -1).copy().view([("R", "u1"), ("G", "u1"), ("B", "u1")])[..., 0], UPRIGHT)
save("complex.nii", NUMBERS.astype(numpy.complex64), UPRIGHT, known=False)
save("second.nii", BYTES, UPRIGHT, kind=nibabel.Nifti2Image, known=False)
(FOLDER / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
