"""Text from any source: nothing in it reaches a terminal as a command."""

from __future__ import annotations

import os
import unicodedata

import pytest

from timbresep.formats.text import shown


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("violin, première – 低音 🎻", "violin, première – 低音 🎻"),
        ("C:\\new\\folder", "C:\\new\\folder"),
        ("a\x1b[2J\x1b]0;title\x07b", r"a\x1b[2J\x1b]0;title\x07b"),
        ("two\nlines\r\tand \x9b31m", r"two\nlines\r\tand \x9b31m"),
        ("gpj.\u202eexe\u2066", r"gpj.\u202eexe\u2066"),
        (os.fsdecode(b"caf\xe9.wav"), r"caf\xe9.wav"),
        ("\ud800", r"\ud800"),
    ],
)
def test_foreign_text_is_shown_escaped(text: str, safe: str) -> None:
    assert shown(text) == safe


def test_no_control_and_no_override_is_left_and_every_encoding_has_it() -> None:
    everything = "".join(map(chr, range(0x3000))) + "".join(map(chr, range(0xD7FF, 0xE001)))

    safe = shown(everything)

    assert not {unicodedata.category(char) for char in safe} & {"Cc", "Cs", "Zl", "Zp"}
    overrides = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    assert not {unicodedata.bidirectional(char) for char in safe} & overrides
    safe.encode("utf-8")
