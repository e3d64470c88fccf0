"""Write the reference pages of `docs/reference` from the code that they describe.

    python tools/reference_pages.py            writes every page
    python tools/reference_pages.py --check    writes nothing; fails if a page is stale

Commands come from the command line itself; configuration files, mixing settings and the metadata of
checkpoints come from their models: types and defaults from the fields, sentences from the
docstrings. Change those, then run this.
"""

from __future__ import annotations

import argparse
import inspect
import os
import sys
import typing
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import typer

import reference_json
from reference_models import about_of, attributes, default_of, one_line, page, table
from timbresep import audio
from timbresep.backbone import Backbone
from timbresep.checkpoint import Metadata
from timbresep.commands import numbers
from timbresep.commands.app import assemble
from timbresep.data.mixing.config import MixConfig
from timbresep.data.recipe import Recipe
from timbresep.hookspecs import BackboneSpec, SourceModelSpec
from timbresep.instrument import InstrumentConfig, MeasuredCondition
from timbresep.registry.config import RegistryConfig
from timbresep.registry.registry import Registry
from timbresep.separation.load import open_separator
from timbresep.separation.options import SeparationOptions
from timbresep.separation.separator import Separator
from timbresep.source_model import SourceModel
from timbresep.transcriber import Transcriber
from timbresep.transcription.hearing import Hearing
from timbresep.transcription.load import open_transcriber
from timbresep.transcription.transcribe import transcribe

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "reference"
NOTE = "<!-- Written by tools/reference_pages.py from the code: change that, then run it. -->\n"


def pages() -> dict[str, str]:
    """File name → text of every page, as the code has it now."""
    texts = {
        "commands.md": commands(),
        "instrument-yaml.md": page("`instrument.yaml`", InstrumentConfig),
        "condition-json.md": page("`condition.json`", MeasuredCondition),
        "recipe-yaml.md": page("`recipe.yaml`", Recipe),
        "registry-yaml.md": page("`registry.yaml`", RegistryConfig),
        "mixing.md": page("Mixing settings: `train --mix NAME=VALUE`", MixConfig),
        "checkpoint.md": page("Checkpoints", Metadata, CHECKPOINT),
        "hooks.md": hooks(),
        "python.md": python(),
        "backbones.md": backbones(),
    }
    return {name: f"{NOTE}\n{text.strip()}\n" for name, text in texts.items()}


def stale() -> list[str]:
    """Names of the pages that are not what the code says."""
    wanted = pages()
    known = {path.name for path in FOLDER.glob("*.md")}
    changed = {name for name in wanted if name in known and wanted[name] != _read(FOLDER / name)}
    return sorted(changed | (set(wanted) ^ known))


# ---- commands ------------------------------------------------------------------------------------

COMMANDS = """\
`timbresep …` (installed) and `python cli.py …` (in a checkout) are the same program. Every command
has `--help`. Options that may be repeated take one value each time.

A table that is wider than the terminal turns, rows for columns, or becomes a list; no number is
cut. In a file or a pipe, a row is one line.

Environment: `TIMBRESEP_PLUGINS` names folders of plugins, as `--plugins-dir` does;
`TIMBRESEP_CACHE` is the folder for rendered and decoded audio and for weights of source models.
"""


def commands() -> str:
    """The page of commands."""
    printed = reference_json.ABOUT + table(("command", "prints"), reference_json.rows())
    parts = [f"# Commands\n\n{COMMANDS.strip()}", printed]
    for path, command in _leaves(typer.main.get_command(assemble()), ()):
        arguments = [item for item in command.params if item.param_type_name == "argument"]
        usage = " ".join(["timbresep", *path, *map(_usage, arguments), "[OPTIONS]"])
        hints = typing.get_type_hints(command.callback)
        rows = [_option(item, hints[item.name]) for item in command.params if item.name in hints]
        parts.append(
            f"## {' '.join(path)}\n\n{one_line(command.help or '')}\n\n    {usage}\n\n"
            + table(("option", "default", "what it does"), rows)
        )
    return "\n\n".join(parts)


def _leaves(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with the words that lead to it, in the order of the program's own help."""
    children = getattr(command, "commands", None)
    if (children is None or (path and command.invoke_without_command)) and not command.hidden:
        yield path, command
    for name, child in (children or {}).items():
        yield from _leaves(child, (*path, name))


def _usage(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    many = "..." if argument.nargs == -1 and " " not in name else ""
    if argument.metavar:
        return f"{name}{many}"
    return f"{name}{many}" if argument.required else f"[{name}]{many}"


def _option(item: Any, hint: object) -> tuple[str, str, str]:
    """Names, default and sentence of one argument or option."""
    if item.param_type_name == "argument":
        name = f"`{item.metavar or item.name.upper()}`"
    else:
        name = ", ".join(f"`{text}`" for text in sorted(item.opts, key=len))
    default = "required" if item.required else _plain_default(item.default)
    told = one_line(item.help or "")
    told = told.replace(f"to {numbers.MOST_PROCESSES})", "to four for each core, at least 16)")
    choices = _choices(hint)
    if choices:
        told = f"{told} One of {', '.join(f'`{one}`' for one in choices)}."
    return name, default, told


def _plain_default(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "on" if value else "off"

    if isinstance(value, tuple):
        value = " ".join(f"{one:g}" for one in value)
    return f"`{value}`"


def _choices(hint: object) -> list[str]:
    """The choices in an annotation, if there are some."""
    if typing.get_origin(hint) is typing.Literal:
        return [str(choice) for choice in typing.get_args(hint)]
    return [one for part in typing.get_args(hint) for one in _choices(part)]


CHECKPOINT = """\
A checkpoint is one safetensors file. Separation needs nothing else. It loads strictly: a tensor
that is missing, unexpected or of another shape is an error. Nothing is ever unpickled.

- The tensor `conditions`, (instruments, values), holds each instrument's condition vector, in the
  order of `instruments`.
- The tensors `model.…` are the network's weights. A shipped file has matrices in half precision.
- The header's key `timbresep` holds the metadata below as JSON.
"""


HOOKS = """\
A plugin written in Python answers these with functions marked
`from timbresep.hookspecs import hookimpl`. Instruments without Python need none of them.
"""


def hooks() -> str:
    """The page of what a plugin written in Python implements."""
    from timbresep import hookspecs

    rows = [
        (
            f"`{name}({', '.join(inspect.signature(found).parameters)})`",
            one_line(found.__doc__ or ""),
        )
        for name, found in vars(hookspecs).items()
        if name.startswith("timbresep_") and inspect.isfunction(found)
    ]
    parts = [f"# Hooks and contracts\n\n{HOOKS.strip()}", table(("hook", "what it does"), rows)]
    for contract in (BackboneSpec, Backbone, Transcriber, SourceModelSpec, SourceModel):
        told = attributes(contract)
        listed = table(("name", "meaning"), [(f"`{name}`", text) for name, text in told.items()])
        parts.append(f"## {contract.__name__}\n\n{about_of(contract)}\n\n{listed}")
    for network in (Backbone, Transcriber, SourceModel):
        told = inspect.cleandoc(network.forward.__doc__ or "")
        parts.append(f"`{network.__name__}.forward`, in full:\n\n```text\n{told}\n```")
    return "\n\n".join(parts)


BACKBONES = """\
`train --backbone NAME --set ARGUMENT=VALUE` trains a network with other arguments than its
defaults. A checkpoint keeps them.
"""


def backbones() -> str:
    """The page of the bundled networks' arguments."""
    parts = [f"# Backbones\n\n{BACKBONES.strip()}"]
    for spec in Registry.load().backbones():
        told = attributes(_arguments(spec))
        rows = [
            (f"`{name}`", default_of(value), told[name]) for name, value in spec.defaults.items()
        ]
        listed = table(("argument", "default", "meaning"), rows)
        parts.append(f"## {spec.name}\n\n{spec.summary}\n\n{listed}")
    return "\n\n".join(parts)


def _arguments(spec: BackboneSpec) -> type:
    """The dataclass of a network's arguments: the one beside its `build` with its defaults."""
    beside = vars(sys.modules[spec.build.__module__]).values()
    found = (one for one in beside if isinstance(one, type) and is_dataclass(one))
    return next(one for one in found if {f.name: f.default for f in fields(one)} == spec.defaults)


PYTHON = """\
The whole way from a file to stems; [notes](../guides/notes.md#in-python) has that to notes. The
defaults are those of the command line.

```python
from timbresep import audio
from timbresep.separation.load import open_separator

wave, rate = audio.read("song.wav")
stems = open_separator(["violin", "flute"]).separate(wave, rate)
```
"""


def python() -> str:
    """The page of the Python API."""
    parts = [f"# Python\n\n{PYTHON.strip()}"]
    shown: dict[str, Callable[..., Any]] = {
        "open_separator": open_separator,
        "Separator.separate": Separator.separate,
        "SeparationOptions": SeparationOptions,
        "open_transcriber": open_transcriber,
        "transcribe": transcribe,
        "Hearing.window": Hearing.window,
        "audio.read": audio.read,
    }
    for name, found in shown.items():
        names = [n for n in inspect.signature(found).parameters if n != "self"]
        told = inspect.cleandoc(found.__doc__ or "")
        call = f"`{found.__module__}`: `{name}({', '.join(names)})`"
        parts.append(f"## {name}\n\n{call}\n\n```text\n{told}\n```")
    return "\n\n".join(parts)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def main() -> int:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say which pages are stale")
    if parser.parse_args().check:
        for name in stale():
            print(f"docs/reference/{name} is stale: run python tools/reference_pages.py")
        return 1 if stale() else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    written = pages()
    for name in {path.name for path in FOLDER.glob("*.md")} - set(written):
        (FOLDER / name).unlink()
    for name, text in written.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(os.path.relpath(FOLDER / name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
