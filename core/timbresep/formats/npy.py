"""A vector in an .npy file, read strictly: NumPy's reader also takes zip files, headers that are
Python, and sizes that the file has not."""

from __future__ import annotations

import math
import re
import struct
from pathlib import Path

from timbresep.errors import DataError

LARGEST = 1 << 20  # bytes: a condition has some thousand
_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(
    rb"\{'descr': '([^']{2,8})', 'fortran_order': (?:True|False), 'shape': \(([\d, ]{0,80})\), ?\}"
    rb" *\n"
)
_CODES = {"<f2": "e", "<f4": "f", "<f8": "d"}
_MOST = struct.unpack("<f", b"\xff\xff\x7f\x7f")[0]  # the largest number in single precision


def read_vector(path: Path) -> list[float]:
    """The numbers in a file that `numpy.save` wrote of a vector of floats.

    Raises:
        DataError: it cannot be read, is no such file, or holds anything else than one vector of
            finite numbers in single precision.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise DataError(f"{path} is too large for a vector")
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    begin = len(_MAGIC) + 2
    end = begin + int.from_bytes(data[len(_MAGIC) : begin], "little")
    header = _HEADER.fullmatch(data[begin:end])
    if not data.startswith(_MAGIC) or header is None:
        raise DataError(f"{path} is no .npy file of a vector")
    kind, shape = header[1].decode("latin-1"), header[2].decode()
    code, sizes = _CODES.get(kind), re.findall(r"\d+", shape)
    if code is None or len(sizes) != 1:
        raise DataError(
            f"{path} must hold one finite float vector, not {kind} of shape ({shape.strip()})"
        )
    count = int(sizes[0])
    if len(data) - end != count * struct.calcsize(f"<{code}"):
        raise DataError(f"{path} is cut, or longer than its {sizes[0]} values")
    values = list(struct.unpack(f"<{count}{code}", data[end:]))
    if not all(math.isfinite(value) and abs(value) <= _MOST for value in values):
        raise DataError(f"{path} must hold one finite float vector, and a value is not finite")
    return values
