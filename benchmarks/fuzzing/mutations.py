"""Mutations of files: of bytes, and of what JSON, YAML, safetensors, .npy and headers mean."""

from __future__ import annotations

import copy
import json
import re
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import yaml

from benchmarks.fuzzing.chance import Chance, pick

Mutate = Callable[[bytes, Chance], bytes]

BYTES = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)
WORDS = (0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 44_100)
ODD: tuple[Any, ...] = (
    *(0, 1, -1, 2, 7, 255, 2**31, 2**53 + 1, 2**63, 2**64, 10**30, 10**400),
    *(0.5, -0.5, 1e-300, 1e300, float("inf"), float("-inf"), float("nan"), True, False, None),
    *(
        "",
        " ",
        "x",
        "violin",
        "..",
        "../../x",
        "/etc/passwd",
        "~no-such-user/x",
        "\0",
        "\x1b[2J",
        "é\u202e",
    ),
    *("x" * 300, "9" * 5000, "!!int", [], [[]], {}, {"": {}}, [0] * 1000, [None, "x", 3.5]),
)
TAGGED = (
    *(
        '!!int ""',
        "!!bool maybe",
        "!!timestamp x",
        '!!float ""',
        "!!binary é",
        "!!set [a]",
        "!!omap 3",
    ),
    *(
        "!!python/object/apply:os.getpid []",
        "2026-99-99",
        "1:59:59",
        "0x",
        "0b2",
        "08",
        "1_0",
        "=",
        "<<",
    ),
    *(
        "&a [*a]",
        "*nobody",
        "? [a]\n: b",
        '"\\UFFFFFFFF"',
        '"\\e[2J"',
        "\x1b",
        "{<<: 3}",
        "- -",
        "[",
        "'",
    ),
    *(
        "1" + ":59" * 300,
        "[" * 2000,
        ".inf",
        ".nan",
        "~",
        "null",
        "{a: 1, a: 2}",
        "|",
        "%YAML 3.0",
        "---",
    ),
)
DTYPES = (
    "F16",
    "BF16",
    "F32",
    "F64",
    "I8",
    "I16",
    "I32",
    "I64",
    "U8",
    "BOOL",
    "C64",
    "F8_E4M3",
    "F4",
    "X",
)


def raw(data: bytes, chance: Chance) -> bytes:
    """Bits flipped, bytes and words replaced, parts cut, copied, removed; mostly near the start."""
    for _ in range(pick(chance, (1, 1, 2, 4))):
        out = bytearray(data)
        size = max(len(out), 1)
        reach = size if chance.random() < 0.4 else min(size, 256)
        at, length = int(chance.integers(reach)), int(chance.integers(1, 64))
        kind = int(chance.integers(8))
        if kind == 0 and out:
            out[at] ^= 1 << int(chance.integers(8))
        elif kind == 1 and out:
            out[at] = pick(chance, BYTES)
        elif kind == 2:
            del out[int(chance.integers(size)) :]
        elif kind == 3:
            out[at : at + length] = b""
        elif kind == 4:
            out[at:at] = out[int(chance.integers(size)) :][:length]
        elif kind == 5:
            order = pick(chance, ("<I", ">I", "<H", ">H", "<Q", ">Q"))
            value = pick(chance, WORDS) % 2 ** (8 * struct.calcsize(order))
            out[at : at + struct.calcsize(order)] = struct.pack(order, value)
        elif kind == 6:
            out += chance.bytes(length) if chance.random() < 0.5 else bytes(length)
        else:
            out[at : at + length] = chance.bytes(length)
        data = bytes(out)
    return data


def value(data: Any, chance: Chance) -> Any:
    """Plain values with one of them replaced, removed, renamed, repeated or nested."""
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        items = node.items() if isinstance(node, dict) else enumerate(node)
        for key, inner in list(items):
            places.append((node, key))
            if isinstance(inner, dict | list):
                walk(inner)

    box = [data]
    walk(box)
    node, key = pick(chance, places)
    old, kind = node[key], int(chance.integers(10))
    if kind == 0 and node is not box:
        del node[key]
    elif kind == 1 and isinstance(node, dict):
        node[pick(chance, ("", "x", "../x", "\x1b", str(key) + "s", "a" * 300))] = node.pop(key)
    elif kind == 2 and isinstance(old, list):
        node[key] = old * int(chance.integers(2, 50))
    elif kind == 3 and type(old) in (int, float) and abs(old) < 1e300:
        node[key] = old * pick(chance, (-1, 2, 1000, 0.5, 10**9)) + pick(chance, (0, 1))
    elif kind == 4:
        for _ in range(pick(chance, (1, 3, 60, 400))):
            old = [old] if chance.random() < 0.5 else {"a": old}
        node[key] = old
    elif kind == 5:
        node[key] = pick(chance, places)[1]
    else:
        node[key] = copy.deepcopy(pick(chance, ODD))
    return box[0]


def dumped(data: Any) -> str:
    """JSON of odd values; numbers may be of any size, and text of any code point."""
    return json.dumps(data)


def json_text(data: bytes, chance: Chance) -> bytes:
    """JSON with values replaced, or its text damaged, or nested without end."""
    kind = chance.random()
    if kind < 0.2:
        return raw(data, chance)
    if kind < 0.23:
        return b"[" * pick(chance, (10, 900, 100_000))
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):  # mutated before
        return data
    for _ in range(pick(chance, (1, 1, 1, 2, 3))):
        found = value(found, chance)
    return dumped(found).encode()


def yaml_text(data: bytes, chance: Chance) -> bytes:
    """YAML with values replaced, tagged, or its text damaged."""
    kind = chance.random()
    if kind < 0.2:
        return raw(data, chance)
    if kind < 0.55:
        return _line(data, chance, ":")
    found = yaml.safe_load(data)
    for _ in range(pick(chance, (1, 1, 1, 2, 3))):
        found = value(found, chance)
    try:
        text = dumped(found) if chance.random() < 0.3 else yaml.safe_dump(found, allow_unicode=True)
    except RecursionError:
        text = dumped(found)
    return text.encode("utf-8", "surrogatepass")


def _line(data: bytes, chance: Chance, sign: str) -> bytes:
    """Text with another value on one of its lines, behind a sign."""
    lines = data.decode().split("\n")
    at = int(chance.integers(len(lines)))
    head, found, _ = lines[at].partition(sign)
    odd = pick(chance, TAGGED)
    lines[at] = f"{head}{sign} {odd}" if found and chance.random() < 0.8 else odd
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def bindings(data: bytes, chance: Chance) -> bytes:
    """Lines of ``NAME = VALUE`` with other values, or damaged."""
    return raw(data, chance) if chance.random() < 0.3 else _line(data, chance, "=")


def option(data: bytes, chance: Chance) -> bytes:
    """``NAME=VALUE`` with another value, or damaged."""
    name, _, text = data.decode("utf-8", "replace").partition("=")
    kind = chance.random()
    if kind < 0.2:
        return raw(data, chance)
    odd = pick(chance, TAGGED) if kind < 0.6 else dumped(pick(chance, ODD))
    return f"{name}={odd if kind < 0.95 else text * 3}".encode("utf-8", "surrogatepass")


def npy(data: bytes, chance: Chance) -> bytes:
    """An .npy file whose header tells other things, or that is damaged."""
    if chance.random() < 0.4:
        return raw(data, chance)
    size = struct.unpack("<H", data[8:10])[0]
    head, body = data[10 : 10 + size].decode("latin-1"), data[10 + size :]
    descr = pick(
        chance, ("<f4", ">f4", "<f8", "<f2", "|O", "<i8", "<c16", "|S4", "|V", "f", "<f16")
    )
    shape = pick(
        chance, ("(341,)", "()", "(-1,)", "(1, 341)", "(99999999999999999999,)", "(341L,)", "x")
    )
    kind = int(chance.integers(5))
    if kind == 0:
        head = re.sub(r"'descr': '[^']*'", f"'descr': {descr!r}", head)
    elif kind == 1:
        head = re.sub(r"\(\d+,\)", shape, head)
    elif kind == 2:
        head = pick(
            chance, ("{1: (1L", "  x\n", "(" * 3000, "{'descr': __import__('os')}", "'''", "{}")
        )
    elif kind == 3:
        body = np.full(
            len(body) // 4, pick(chance, (np.nan, np.inf, 3e38, 0)), np.float32
        ).tobytes()
    else:
        body = body[: int(chance.integers(len(body)))] if chance.random() < 0.5 else body * 2
    return data[:8] + struct.pack("<H", len(head) % 2**16) + head.encode("latin-1") + body


def tensors(data: bytes, chance: Chance) -> bytes:
    """A safetensors file with another description, other kinds or shapes, values or names."""
    if chance.random() < 0.15:
        return raw(data, chance)
    size = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    about = header.pop("__metadata__", {})
    parts = {
        name: [row["dtype"], row["shape"], body[row["data_offsets"][0] : row["data_offsets"][1]]]
        for name, row in header.items()
    }
    for _ in range(pick(chance, (1, 1, 2))):
        key, kind = pick(chance, sorted(about) or [""]), chance.random()
        if kind < 0.55 and about:
            about[key] = json_text(about[key].encode(), chance).decode("utf-8", "replace")
        elif parts:
            _tensor(parts, pick(chance, sorted(parts)), chance)
    rows, body = {}, b""
    for name, (dtype, shape, content) in parts.items():
        rows[name] = {
            "dtype": dtype,
            "shape": shape,
            "data_offsets": [len(body), len(body) + len(content)],
        }
        body += content
    if chance.random() < 0.05:
        rows = value(rows, chance)
    text = dumped({"__metadata__": about, **rows} if isinstance(rows, dict) else rows).encode()
    return struct.pack("<Q", len(text)) + text + body


def _tensor(parts: dict[str, list[Any]], name: str, chance: Chance) -> None:
    """Change one tensor so that the file stays one."""
    _, shape, content = parts[name]
    kind = int(chance.integers(8))
    if kind == 0:
        del parts[name]
    elif kind == 1:
        parts[pick(chance, ("x", "", "model.x", name + ".weight", "conditions"))] = parts.pop(name)
    elif kind == 2:
        parts[name][0] = pick(chance, DTYPES)
    elif kind == 3:
        count = int(np.prod(shape)) if shape else 1
        parts[name][1] = pick(chance, ([count], [1, count], [count, 1], [1] * 40 + [count], []))
    elif kind == 4:
        parts[name][1:] = [pick(chance, ([0], [0, 2**40], [2**63, 0], [5, 0])), b""]
    elif kind == 5 and shape:
        step = len(content) // max(shape[0], 1)
        keep = int(chance.integers(min(shape[0], 2**40) + 1))
        parts[name][1:] = [[keep, *shape[1:]], content[: keep * step]]
    elif kind == 6:
        item = pick(chance, (b"\0", b"\xff", b"\x7f", b"\x80\x7f", b"\0\0\x80\x7f"))
        parts[name][2] = (item * len(content))[: len(content)]
    else:
        parts[name][2] = raw(content, chance).ljust(len(content), b"\0")[: len(content)]
