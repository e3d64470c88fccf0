"""Text from any source: nothing in it reaches a terminal as a command."""

from __future__ import annotations

import json
import os
import unicodedata

import pytest

from timbresep.formats.text import shown, shown_json, shown_lines


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
        ("vio\u200blin\ufeff\u2060\xad", r"vio\u200blin\ufeff\u2060\xad"),
        ("flag \U000e0067\U000e0001", r"flag \U000e0067\U000e0001"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x07", r"\x1b]8;;http://x\x1b\link\x1b]8;;\x07"),
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


def test_lines_stay_lines() -> None:
    assert shown_lines("a\x1b\nb\u202e\r\n") == "a\\x1b\nb\\u202e\\r\n"


def test_json_is_not_obeyed_and_means_the_same() -> None:
    names = ["é 低", "\x9b2J\x7f", "\u202e", "\udcff", "\U000e0041", "a\nb\x1b", "\u2028"]
    text = shown_json(json.dumps({name: [name] for name in names}, indent=2, ensure_ascii=False))
    assert json.loads(text) == {name: [name] for name in names}
    assert shown_lines(text) == text
    assert "é 低" in text
    text.encode()
