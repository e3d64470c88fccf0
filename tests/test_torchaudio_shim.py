"""torchaudio imports on every machine, and is left alone where it imports by itself."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from timbresep.torchaudio_shim import import_torchaudio

BROKEN = "raise OSError('libcudart.so.13: cannot open shared object file')\n"
PLAIN = """
from . import _extension
from .functional import align, double
WHOLE = _extension._IS_TORCHAUDIO_EXT_AVAILABLE
"""
FUNCTIONS = """
from torchaudio._extension import fail_if_no_align
double = lambda x: 2 * x
@fail_if_no_align
def align(): return "aligned"
"""
WHOLE = """
_IS_TORCHAUDIO_EXT_AVAILABLE = True
fail_if_no_align = lambda function: function
"""
LOOK = """
from timbresep.torchaudio_shim import import_torchaudio
import_torchaudio()
import torchaudio
print(torchaudio.WHOLE, torchaudio.double(2))
print(torchaudio.align())
"""


def look(folder: Path, compiled: str) -> subprocess.CompletedProcess[str]:
    """Import a torchaudio made here, whose compiled part is `compiled`, in a Python of its own."""
    package = folder / "torchaudio"
    package.mkdir()
    (package / "__init__.py").write_text(PLAIN)
    (package / "functional.py").write_text(FUNCTIONS)
    (package / "_extension.py").write_text(compiled)
    places = f"import sys; sys.path[:0] = {[str(folder), *sys.path]!r}"
    command = [sys.executable, "-c", places + LOOK]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_without_its_compiled_part_the_rest_works_and_what_needs_it_says_so(tmp_path: Path) -> None:
    done = look(tmp_path, BROKEN)
    assert done.stdout == "False 4\n", done.stderr
    assert done.stderr.endswith("RuntimeError: align needs torchaudio's compiled part\n")


def test_a_whole_torchaudio_stays_whole(tmp_path: Path) -> None:
    assert look(tmp_path, WHOLE).stdout == "True 4\naligned\n"


@pytest.mark.skipif(find_spec("torchaudio") is None, reason="torchaudio is not installed")
def test_the_installed_torchaudio_resamples() -> None:
    wave = torch.sin(torch.arange(4410) * 0.05)
    assert import_torchaudio().functional.resample(wave, 44_100, 22_050).shape == (2205,)
