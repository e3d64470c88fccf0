"""YAML and JSON from any source as plain values; any fault of the text is a ConfigError."""

from __future__ import annotations

import json
from collections.abc import Hashable
from typing import Any

import yaml

from timbresep.errors import ConfigError

_BAD_VALUE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
"""What PyYAML's constructors raise of a value that is not of its tag, such as ``!!int ""``."""

_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
LONGEST_NUMBER = 100
"""Characters: in base 60, as YAML reads ``1:1:1``, a long one takes minutes."""


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, made strict: a repeated key is an error, and so is a value that is not of
    its tag, with its line."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Build the value of a node; one that cannot be is a syntax error at its line."""
        try:
            if node.tag in _NUMBERS and len(node.value) > LONGEST_NUMBER:
                raise ValueError("too long")
            return super().construct_object(node, deep)
        except _BAD_VALUE as error:
            kind = node.tag.rpartition(":")[2]
            value = f"'{node.value[:40]}'" if isinstance(node.value, str) else "this"
            raise yaml.constructor.ConstructorError(
                None, None, f"{value} is no {kind}", node.start_mark
            ) from error

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


def parse_yaml(text: str, where: str) -> Any:
    """The value that a YAML text stands for.

    Args:
        text: one document.
        where: names its origin in the error.

    Raises:
        ConfigError: not YAML, a repeated key, a tag of no plain value, or a value that is not of
            its tag; with the line.
    """
    loader = None
    try:
        loader = _Loader(text)
        return loader.get_single_data()
    except yaml.reader.ReaderError as error:
        line, problem = text.count("\n", 0, error.position) + 1, error.reason
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, problem = mark.line + 1 if mark else 1, error.problem or "syntax error"
    except RecursionError:
        line, problem = loader.line + 1 if loader else 1, "nested too deeply"
    except _BAD_VALUE:  # an escape that is no character; a scalar that is called a mapping
        line, problem = loader.line + 1 if loader else 1, "a value that cannot be"
    at = f"{where}:{line}" if "\n" in text else where
    raise ConfigError(f"{at}: not valid YAML: {problem}")


def parse_json(text: str | bytes, where: str) -> Any:
    """The value that a JSON text stands for.

    Raises:
        ConfigError: not JSON, or nested too deeply.
    """
    try:
        return json.loads(text)
    except RecursionError:
        problem = "nested too deeply"
    except ValueError as error:  # also of an integer of thousands of digits
        problem = str(error)
    raise ConfigError(f"{where}: not valid JSON: {problem}")
