"""Typed configuration: YAML in, validated models out; errors point at the key."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeVar, get_args

import pydantic

from timbresep.errors import ConfigError, nearest
from timbresep.formats.notation import parse_json, parse_yaml

_PACKAGED = Path(__file__).parent / "bundled"
ROOT = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parents[2]
"""The folder of what ships, `registry.yaml`, `plugins/`, `separators/` and `data/starter/`: in an
installed package beside the code, in a checkout at its top."""


class Model(pydantic.BaseModel):
    """Base of all configuration models: immutable, and unknown keys are errors."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


def _possible(text: str) -> str:
    try:
        parts = Path(text).expanduser().parts
        possible = "\0" not in text and all(len(os.fsencode(part)) <= 255 for part in parts)
    except (ValueError, RuntimeError):  # not encodable, or the home of an unknown user
        possible = False
    if not possible:
        raise ValueError("no file can be called so")
    return text


PathText = Annotated[str, pydantic.AfterValidator(_possible)]
"""A path in a configuration file: one that a file system could have."""

Amount = Annotated[float, pydantic.Field(gt=0, le=1e6, allow_inf_nan=False)]
"""A duration or the like: above 0, and finite."""

LARGEST = 250_000
"""Bytes of a YAML file at most: a larger one takes seconds to be found wrong."""

ModelType = TypeVar("ModelType", bound=Model)


def load_yaml(path: Path, model: type[ModelType]) -> ModelType:
    """Read a YAML file and validate it.

    Args:
        path: the file.
        model: the configuration model it must satisfy.

    Raises:
        ConfigError: missing or unreadable file, YAML syntax or a repeated key (with line), unknown
            key (with the nearest known one), wrong type or value.
    """
    return _validated(parse_yaml(_text(path), str(path)), model, path)


def load_json(path: Path, model: type[ModelType]) -> ModelType:
    """Read a JSON file and validate it; arguments and errors as `load_yaml`."""
    return _validated(parse_json(_text(path), str(path)), model, path)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise ConfigError(f"{path}: too large for a description (over {LARGEST // 1000} kB)")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error


def _validated(data: object, model: type[ModelType], path: Path) -> ModelType:
    if not isinstance(data, Mapping):
        raise ConfigError(f"{path}: expected a mapping of keys to values at the top level")
    return parse(data, model, str(path))


def parse(data: Mapping[str, object], model: type[ModelType], where: str) -> ModelType:
    """Validate a mapping; `where` names its origin in the error."""
    try:
        return model.model_validate(data)
    except pydantic.ValidationError as error:
        # A mistyped key also makes the right one missing: the typo is the cause to name.
        first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
        location = first["loc"]
        key = ".".join(str(part) for part in location) or "(top level)"
        if first["type"] == "extra_forbidden":
            siblings = _keys_at(model, location[:-1])
            hint = nearest(str(location[-1]), siblings)
            raise ConfigError(f"{where}: unknown key '{key}'", hint) from error
        reason = str(first["msg"])
        raise ConfigError(f"{where}: '{key}': {reason[:1].lower()}{reason[1:]}") from error


def _keys_at(model: type[pydantic.BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Field names of the (nested) model that the path `location` leads to."""
    current = model
    for part in location:
        field = current.model_fields.get(str(part))
        if field is None:
            continue  # a mapping's key, a list's index or a union's tag: stay on this model
        nested = _model_in(field.annotation)
        if nested is None:
            return []
        current = nested
    return list(current.model_fields)


def _model_in(annotation: object) -> type[pydantic.BaseModel] | None:
    """The first configuration model inside an annotation such as ``dict[str, Model] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return annotation
    for inner in get_args(annotation):
        found = _model_in(inner)
        if found is not None:
            return found
    return None
