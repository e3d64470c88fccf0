"""Typed configuration: YAML in, validated models out; errors point at the key."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import pydantic
import yaml

from core.errors import ConfigError, nearest
from core.files import atomic_write as atomic_write  # where most of the code looks for it
from core.files import atomic_writes as atomic_writes


class Model(pydantic.BaseModel):
    """Base of all configuration models: immutable, and unknown keys are errors."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class UniqueKeyLoader(yaml.SafeLoader):
    """YAML's safe loader, which would otherwise let the last of two equal keys win silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Build a mapping; a key that is there twice is a syntax error at its line."""
        seen = set[Hashable]()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key '{key}' is there twice", key_node.start_mark
                )
            seen |= {key} if isinstance(key, Hashable) else set()
        return super().construct_mapping(node, deep)


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
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    try:
        data = yaml.load(text, Loader=UniqueKeyLoader)  # noqa: S506 (it is a SafeLoader)
    except (ValueError, RecursionError) as error:  # an impossible date; a thousand brackets
        raise ConfigError(f"{path}: not valid YAML: {error}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        problem = getattr(error, "problem", None) or "syntax error"
        raise ConfigError(f"{where}: not valid YAML: {problem}") from error
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
