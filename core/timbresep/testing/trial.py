"""Runs a conformance kit without pytest: what passed, what failed, and how to mend it."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal
from unittest import SkipTest

import torch

from timbresep.errors import TimbresepError
from timbresep.hookspecs import BackboneSpec, SourceModelSpec
from timbresep.instrument import Instrument
from timbresep.running.progress import Progress
from timbresep.testing.backbone import BackboneConformance
from timbresep.testing.instrument import InstrumentConformance
from timbresep.testing.mending import MENDING
from timbresep.testing.source_model import SourceModelConformance
from timbresep.testing.transcriber import TranscriberConformance

Status = Literal["passed", "failed", "left out", "not run"]
PREFIX = "test_"
LONGEST = 300  # letters of a reason


@dataclass(frozen=True)
class Outcome:
    """How one check of a kit ended.

    Attributes:
        check: its name, in words.
        promise: what has to hold.
        status: how it ended; "left out" is not for this plugin; "not run" was kept from running
            by what an earlier check failed on.
        found: why it failed, was left out or was not run; empty if it passed.
        mend: what the plugin's author can do; empty if there is nothing to do.
    """

    check: str
    promise: str
    status: Status
    found: str = ""
    mend: str = ""


def kit_of(plugin: Instrument | BackboneSpec | SourceModelSpec) -> type:
    """The kit of a plugin, which names what it tries."""
    if isinstance(plugin, Instrument):
        return type("Kit", (InstrumentConformance,), {"folder": plugin.folder})
    if isinstance(plugin, SourceModelSpec):
        return type("Kit", (SourceModelConformance,), {"spec": plugin})
    kit = BackboneConformance if plugin.answers == "audio" else TranscriberConformance
    return type("Kit", (kit,), {"spec": plugin})


def checks(kit: type) -> list[str]:
    """Names of a kit's checks: those of its base first, each in the order of its file."""
    named = {name: None for base in reversed(kit.__mro__) for name in vars(base)}
    return [name for name in named if name.startswith(PREFIX)]


def try_kit(kit: type, report: Progress) -> Iterator[Outcome]:
    """Run all checks of a kit, one after the other.

    The first one is what the others stand on: if it fails, they are not run. A cause is told once:
    a check that the same error ends as an earlier one was not run either.

    Args:
        kit: a conformance kit that names what it tries.
        report: called with the share done and the check at work.
    """
    names = checks(kit)
    stands = True
    causes = dict[str, str]()
    for number, name in enumerate(names):
        report(number / len(names), in_words(name))
        if not stands:
            yield _not_run(kit, name, in_words(names[0]))
            continue
        outcome = _try(kit, name, causes)
        stands = number > 0 or outcome.status == "passed"
        yield outcome


def in_words(name: str) -> str:
    """A check's name as words."""
    return name.removeprefix(PREFIX).replace("_", " ")


def promise(kit: type, name: str) -> str:
    """What a check promises: the first paragraph of its docstring, as one line."""
    text = getattr(kit, name).__doc__ or ""
    return " ".join(text.split("\n\n")[0].split())


def _not_run(kit: type, name: str, cause: str) -> Outcome:
    """The outcome of a check that the cause of another one kept from running."""
    return Outcome(in_words(name), promise(kit, name), "not run", f"for the cause of: {cause}")


def _try(kit: type, name: str, causes: dict[str, str]) -> Outcome:
    """Run one check; whatever it raises is its reason to fail.

    Args:
        kit: it is of.
        name: its function's.
        causes: errors → the check that each has ended; a new one is added.
    """
    torch.manual_seed(0)
    try:
        instance: Any = kit()
        getattr(instance, name)()
    except SkipTest as error:
        return Outcome(in_words(name), promise(kit, name), "left out", str(error))
    except (Exception, SystemExit) as error:  # noqa: BLE001 — a plugin's code may raise anything
        reason = _reason(error)
        first = causes.setdefault(reason, name)
        if first != name and not isinstance(error, AssertionError):
            return _not_run(kit, name, in_words(first))
        mend = MENDING.get(name, "")
        return Outcome(in_words(name), promise(kit, name), "failed", reason, mend)
    return Outcome(in_words(name), promise(kit, name), "passed")


def _reason(error: BaseException) -> str:
    """Why a check failed, in one line: the message, or the line of code that did not hold."""
    told = " ".join(str(error).split())
    if not isinstance(error, TimbresepError):
        last = traceback.extract_tb(error.__traceback__)[-1]
        if not isinstance(error, AssertionError):
            told = f"{type(error).__name__}: {told} ({last.filename}, line {last.lineno})"
        elif not told:
            told = f"does not hold: {(last.line or '').removeprefix('assert ')}"
    return told if len(told) <= LONGEST else f"{told[:LONGEST]}…"
