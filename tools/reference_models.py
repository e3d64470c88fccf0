"""Configuration models and docstrings as Markdown: what `reference_pages` makes its tables of."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import pydantic

from timbresep import __version__

WORDS: dict[object, str] = {
    int: "whole number",
    float: "number",
    str: "text",
    bool: "true or false",
    Path: "path",
}


def page(title: str, model: type[pydantic.BaseModel], about: str = "") -> str:
    """The page of one model and of those within it."""
    inner = [found for found in _models(model) if found is not model]
    head = f"# {title}\n\n{(about or about_of(model)).strip()}\n\n{_fields(model)}"
    rest = [f"## {found.__name__}\n\n{about_of(found)}\n\n{_fields(found)}" for found in inner]
    return "\n\n".join([head, *rest])


def _fields(model: type[pydantic.BaseModel]) -> str:
    told = attributes(model)
    rows = []
    for name, field in model.model_fields.items():
        kind = _type(field.annotation, [*field.metadata])
        default = (
            "required"
            if field.is_required()
            else default_of(field.get_default(call_default_factory=True))
        )
        rows.append((f"`{name}`", kind, default, told.get(name, "")))
    return table(("key", "value", "default", "meaning"), rows)


def _models(
    model: type[pydantic.BaseModel], seen: list[type] | None = None
) -> list[type[pydantic.BaseModel]]:
    """A model and those in its fields, each once, in the order in which they are met."""
    seen = [] if seen is None else seen
    if model not in seen:
        seen.append(model)
        for field in model.model_fields.values():
            for inner in _inside(field.annotation):
                _models(inner, seen)
    return seen


def _inside(annotation: object) -> Iterator[type[pydantic.BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from _inside(part)


def _type(annotation: object, limits: list[object]) -> str:
    """An annotation in words."""
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type(parts[0], [*limits, *parts[1:]])
    if origin is Literal:
        return " or ".join(f"`{_scalar(one)}`" for one in parts)
    if origin in (typing.Union, types.UnionType):
        words = (_type(part, limits if part is not type(None) else []) for part in parts)
        return " or ".join(dict.fromkeys(words))
    if origin is tuple:
        return f"[{', '.join(_type(part, []) for part in parts)}]"
    if origin is list:
        return f"list of {_type(parts[0], [])}{_bounds(limits)}"
    if origin is not None and len(parts) == 2:
        return f"mapping of names to {_type(parts[1], [])}"
    if annotation is type(None):
        return "`null`"
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    return f"{WORDS.get(annotation, str(annotation))}{_bounds(limits)}"


def _bounds(limits: list[object]) -> str:
    """Bounds of a value, out of an annotation's metadata."""
    found: dict[str, float] = {}
    for limit in limits:
        for one in getattr(limit, "metadata", [limit]):
            for key in ("ge", "gt", "le", "lt", "min_length"):
                value = getattr(one, key, None)
                if value is not None:
                    found[key] = value
    words = {"ge": "from", "gt": "above", "le": "to", "lt": "below", "min_length": "at least"}
    told = " ".join(f"{word} {found[key]:.12g}" for key, word in words.items() if key in found)
    return f", {told}" if told else ""


def default_of(value: object) -> str:
    """A default as it is written in YAML."""
    if isinstance(value, pydantic.BaseModel):
        return "its defaults"
    if value == __version__:
        return "the version that writes it"
    if isinstance(value, tuple | list):
        return f"`[{', '.join(_scalar(one) for one in value)}]`"
    return "`{}`" if value == {} else f"`{_scalar(value)}`"


def _scalar(value: object) -> str:
    words = {None: "null", True: "true", False: "false", "": '""'}
    for known, word in words.items():
        if value is known or (known == "" and value == ""):
            return word
    return f"{value:g}" if isinstance(value, float) else str(value)


def attributes(model: type) -> dict[str, str]:
    """Name → sentence, of the "Attributes:" in a docstring; names in one entry share it.

    A default that the sentence tells is left out: it has a column of its own.
    """
    _, _, block = inspect.cleandoc(model.__doc__ or "").partition("\nAttributes:\n")
    told: dict[str, str] = {}
    names: list[str] = []
    for line in block.splitlines():
        entry = re.match(r"    (\w[\w, ]*): +(.*)", line)
        if entry:
            names = [name.strip() for name in entry[1].split(",")]
            told.update(dict.fromkeys(names, entry[2]))
        elif line.startswith("        ") and names:
            told.update({name: f"{told[name]} {line.strip()}" for name in names})
        elif line.strip():
            break
    return {name: re.sub(r" ?\(default [^)]*\)", "", one_line(text)) for name, text in told.items()}


def about_of(model: Callable[..., object]) -> str:
    """A docstring without its lists of attributes, arguments and errors."""
    text = inspect.cleandoc(model.__doc__ or "")
    before = re.split(r"\n(?:Attributes|Args|Returns|Raises|Shape):\n", text)[0]
    return before.replace("``", "`").strip()


def one_line(text: str) -> str:
    """Text of several lines as one, with Markdown's backticks."""
    return " ".join(text.split()).replace("``", "`")


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Rows below a head, as Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    """Text that may stand in a table: outside of code, `<` is no tag."""
    parts = text.replace("|", "\\|").split("`")
    return "`".join(
        re.sub("<", r"\\<", part) if k % 2 == 0 else part for k, part in enumerate(parts)
    )
