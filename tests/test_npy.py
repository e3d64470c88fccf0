"""Vectors are read strictly: nothing but what `numpy.save` writes of finite floats."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest

from timbresep.errors import DataError
from timbresep.formats.npy import LARGEST, read_vector


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def zipped() -> bytes:
    file = io.BytesIO()
    np.savez(file, a=np.zeros(3))
    return file.getvalue()


def headed(header: str, data: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


@pytest.mark.parametrize("kind", ["<f2", "<f4", "<f8"])
def test_what_numpy_saves_comes_back(tmp_path: Path, kind: str) -> None:
    vector = np.linspace(-1, 1, 341).astype(kind)
    np.save(tmp_path / "v.npy", vector)
    np.testing.assert_array_equal(np.array(read_vector(tmp_path / "v.npy"), kind), vector)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUM",
        zipped(),
        b"PK\x03\x04xxxx",
        headed("{1: (1L\n"),
        headed("  {'descr'\n"),
        headed("(" * 5000),
        headed("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }\n"),
        headed("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }\n"),
        headed("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n", b"\x80\x04N."),
        npy(np.zeros((2, 3), np.float32)),
        npy(np.zeros(3, np.int64)),
        npy(np.float32(1)),
        npy(np.array([0, np.nan], np.float32)),
        npy(np.array([0, 1e300])),
        npy(np.zeros(5, np.float32))[:-1],
        npy(np.zeros(5, np.float32)) + b"\0",
        b"\0" * (LARGEST + 1),
    ],
)
def test_anything_else_is_one_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "v.npy").write_bytes(data)
    with pytest.raises(DataError, match=r"v\.npy"):
        read_vector(tmp_path / "v.npy")
