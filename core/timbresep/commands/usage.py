"""Wrong usage of the command line in one line: what is wrong, and what may have been meant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import typer

CODE = 2
"""Exit code of wrong usage."""

EVERYWHERE = ("--help", "--debug", "--quiet")
"""Options that every command has."""

NEAR = 0.6
"""How alike two names must be, from 0 to 1."""

NO_COMMAND = re.compile(r"No such command '(.*?)'")
NO_CHOICE = re.compile(r"'([^']*)' is not one of ")


def told(error: typer.TyperException) -> str:
    """What is wrong with the words of a command, and what to write instead, in one line.

    Args:
        error: as the parser of the command line raises it.

    Returns:
        The line; empty where nothing was said, which shows the help.
    """
    context: Any = getattr(error, "ctx", None)
    text = " ".join(error.format_message().split()).replace("Value error, ", "").removesuffix(".")
    if type(error).__name__ == "NoArgsIsHelpError" or not text:
        return ""
    option = getattr(error, "option_name", "")
    if option and text.startswith("No such option"):
        return f"no option {option}; {_meant(option, _options(context), context)}"
    if found := NO_COMMAND.match(text):
        known = context.command.list_commands(context)
        return f"no command {found[1]}; {_meant(found[1], known, context)}"
    text = text[:1].lower() + text[1:]
    if found := NO_CHOICE.search(text):
        choices = re.findall(r"'([^']*)'", text[found.end() :])
        return f"{text}; {_meant(found[1], choices, context)}"
    return f"{text}; {_help(context)}" if context else text


def _options(context: Any) -> list[str]:
    """The long options of a command, those of the program included."""
    found = [name for option in context.command.params for name in option.opts]
    return [name for name in (*found, *EVERYWHERE) if name.startswith("--")]


def _meant(given: str, known: Sequence[str], context: Any) -> str:
    """A question with the nearest name, or where they all are."""
    close = get_close_matches(given, known, n=1, cutoff=NEAR)
    return f"did you mean {close[0]}?" if close else _help(context)


def _help(context: Any) -> str:
    return f"see {context.command_path} --help"
