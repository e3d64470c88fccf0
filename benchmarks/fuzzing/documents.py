"""Mutations of what scores, tables and requests mean: XML, zip archives, MIDI, CSV and HTTP."""

from __future__ import annotations

import copy
import io
import re
import struct
import xml.etree.ElementTree as ElementTree
import zipfile

from benchmarks.fuzzing.chance import Chance, pick
from benchmarks.fuzzing.mutations import raw

NUMBERS = (
    *("", "0", "-1", "1", "3", "7.5", "1/3", "256", "257", "65536", "99999999", "-99999999"),
    *("1e300", "1e-300", "nan", "inf", "-inf", "NaN", "0x10", "٣", "²", "9" * 400, "1_000", "+4"),
    *("C", "H", "#", "x", "é\u202e", "\x1b[2J", "../../x", " ", "1 2 3", "1,2", "whole", "start"),
)
ENTITIES = (
    '<!DOCTYPE s [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>',
    '<!DOCTYPE s [<!ENTITY a SYSTEM "file:///etc/hostname">]>',
    '<!DOCTYPE s [<!ENTITY % a SYSTEM "http://127.0.0.1:9/a.dtd"> %a;]>',
    '<!DOCTYPE s SYSTEM "http://127.0.0.1:9/s.dtd">',
    '<!DOCTYPE s [<!ATTLIST note x CDATA "y"><!NOTATION n SYSTEM "n">]>',
    '<?xml-stylesheet href="file:///etc/hostname"?>',
)
EVENTS = (
    *(b"\x00\xff\x2f\x00", b"\x00\xff\x51\x03\x00\x00\x00", b"\x00\xff\x51\x03\xff\xff\xff"),
    *(b"\x00\xff\x51\x00", b"\x00\xff\x58\x04\x00\xff\x00\x00", b"\x00\xff\x59\x02\x7f\x09"),
    *(b"\x00\xff\x54\x05\xff\xff\xff\xff\xff", b"\x00\xff\x03\x04\x1b[2J", b"\x00\xff\x7f\x7f"),
    *(b"\x00\xff\x01\xff\xff\xff\x7f", b"\x00\xf0\x05abcd\xf7", b"\x00\xf7\x00", b"\x00\xf0\x7f"),
    *(b"\xff\xff\xff\x7f\x90\x40\x40", b"\x00\x90\xff\xff", b"\x00\x40\x40", b"\x81", b"\x00\xf8"),
    *(b"\x00\xc0\x7f", b"\x00\xe0\x7f\x7f", b"\x00\xff\x00\x02\xff\xff", b"\x00\xff\x20\x01\xff"),
)
PATHS = (
    *("/", "/api/jobs", "/api/instruments", "/api/offer", "/api/jobs/x", "/api/jobs/../offer"),
    *("/assets/../app.py", "/assets/%2e%2e/app.py", "/api/jobs/%00", "/api/jobs/x/zip", "//", "*"),
    *("/api/jobs/x/stems/..%2f..%2fapp.py", "/api/instruments/../picture", "/openapi.json"),
    *("/api/jobs/%ff", "/api/jobs/x/audio/%1b.mp3", "/" + "a" * 3000, "/?" + "a=b&" * 500),
    *("/api/instruments/%E2%80%AE/picture", "http://localhost/api/offer", "/api/jobs?file=x"),
)
FIELDS = (
    *("", " ", ",", ",,,", "all", "violin", "VIOLIN, flute", "residual", "..", "../../x", "\0"),
    *("/etc/passwd", "é\u202e\x1b[2J", "universal", "song", "none", "best", "x" * 5000, "\r\nX: y"),
    *("' OR 1=1", "<script>", "a" * 200 + ".flac", "con", "aux.wav", "x.mid", "x.musicxml", "."),
)
HEADERS = (
    *("Content-Type: application/json", "Content-Type: multipart/form-data"),
    "Content-Type: multipart/form-data; boundary=",
    "Content-Type: multipart/form-data; boundary=x",
    *("Content-Type: multipart/form-data; boundary=" + "b" * 500, "Content-Type: text/plain"),
    *("Content-Type: multipart/form-data; charset=none; boundary=x", "Content-Type: \xff/\xfe"),
    *("Content-Type: application/x-www-form-urlencoded; charset=utf-7", "Content-Encoding: gzip"),
    *("Content-Length: \xb2", "Content-Length: -1", "Content-Length: 99999999999"),
    "Content-Length: 0",
    *("Content-Length: " + "9" * 5000, "Transfer-Encoding: chunked", "Expect: 100-continue"),
    *("Host: [", "Host: [::1", "Host: evil.example", "Host: localhost:99999999", "Host:"),
    *("Origin: null", "Origin: http://[", "Origin: http://[::1]:x", "Origin: http://localhost"),
    *("Origin: \xb2", "Range: bytes=0-", "Range: bytes=-1-,5-2,x", "Range: bytes=" + "0-1," * 500),
    *("Cookie: " + "a=b;" * 500, "Accept-Encoding: \xff", "Upgrade: websocket", "Upgrade: h2c"),
    *("If-Range: x", "X-Timbresep: \x1b[2J", "X-HTTP-Method-Override: DELETE", "Connection: x"),
)  # fmt: skip


def csv_text(data: bytes, chance: Chance) -> bytes:
    """A table with another cell, row or head."""
    if chance.random() < 0.25:
        return raw(data, chance)
    rows = [line.split(",") for line in data.decode().splitlines()]
    for _ in range(pick(chance, (1, 1, 2))):
        row = pick(chance, rows)
        at, kind = int(chance.integers(len(row))), int(chance.integers(6))
        if kind == 0:
            del row[at:]
            row.append("")
        elif kind == 1:
            row += [row[at]] * 5
        elif kind == 2:
            rows.append(list(row))
        elif kind == 3:
            row[at] = pick(chance, ('"', '"\n', "\r", "\0", '"' + "x" * 200_000 + '"'))
        else:
            row[at] = pick(chance, NUMBERS)
    return "\n".join(",".join(row) for row in rows).encode("utf-8", "surrogatepass")


def xml_text(data: bytes, chance: Chance) -> bytes:
    """XML with other numbers, elements moved, repeated or nested, entities, or damage."""
    kind = chance.random()
    if kind < 0.15:
        return raw(data, chance)
    if kind < 0.22:
        _, sign, rest = data.decode().partition("?>")
        inside = pick(chance, (b"&b;", b"&a;", b"", b"&#0;", b"&#x10FFFF;")).decode()
        text = (rest if sign else data.decode()).replace("</", f"{inside}</", 1)
        return (pick(chance, ENTITIES) + text).encode()
    root = ElementTree.fromstring(data)  # noqa: S314 — our own
    for _ in range(pick(chance, (1, 1, 2, 3))):
        _change(root, chance)
    encoding = pick(chance, ("utf-8", "utf-8", "utf-8", "utf-16", "latin-1", "ascii"))
    return bytes(ElementTree.tostring(root, encoding=encoding, xml_declaration=True))


def _change(root: ElementTree.Element, chance: Chance) -> None:
    """Change one element of a tree."""
    parents = [parent for parent in root.iter() if len(parent)]
    if not parents:
        return
    parent = pick(chance, parents)
    at, kind = int(chance.integers(len(parent))), int(chance.integers(9))
    child = parent[at]
    if kind == 0:
        parent.remove(child)
    elif kind == 1:
        for _ in range(pick(chance, (1, 3, 100))):
            parent.insert(at, copy.deepcopy(child))
    elif kind == 2:
        other = pick(chance, parents)
        other.append(copy.deepcopy(child))
    elif kind == 3:
        child.tag = pick(chance, (parent.tag, "note", "repeat", "ending", "x", "measure", "chord"))
    elif kind == 4 and child.attrib:
        key = pick(chance, sorted(child.attrib))
        child.set(key, _possible(pick(chance, NUMBERS)))
    elif kind == 5:
        inner = child
        for _ in range(pick(chance, (2, 50, 200))):
            inner = ElementTree.SubElement(inner, child.tag)
    elif kind == 6:
        sign = ElementTree.Element("barline", location=pick(chance, ("left", "right", "x")))
        times = pick(chance, ("2", "100", "0", "-3", "x"))
        way = pick(chance, ("forward", "backward", "x"))
        ElementTree.SubElement(sign, "repeat", direction=way, times=times)
        number, end = (
            pick(chance, ("1", "1,2", "1-99", "9999", "")),
            pick(chance, ("start", "stop")),
        )
        ElementTree.SubElement(sign, "ending", number=number, type=end)
        parent.insert(at, sign)
    else:
        child.text = _possible(pick(chance, NUMBERS))


def _possible(text: str) -> str:
    """Text without what XML cannot hold."""
    return re.sub("[\x00-\x08\x0b-\x1f]", "", text)


def archive(data: bytes, chance: Chance) -> bytes:
    """A zip file with another score, container, kind of packing or damage."""
    if chance.random() < 0.3:
        return raw(data, chance)
    with zipfile.ZipFile(io.BytesIO(data)) as held:
        members = {name: held.read(name) for name in held.namelist()}
    name = pick(chance, sorted(members))
    kind = int(chance.integers(7))
    if kind == 0:
        members[pick(chance, ("../x.xml", "/etc/x.xml", "a\\b.xml", ".", "x" * 300))] = members.pop(
            name
        )
    elif kind == 1:
        members[name] = bytes(pick(chance, (0, 1000, 70 << 20)))
    elif kind == 2:
        members = {**{f"{k}.xml": b"" for k in range(500)}, **members}
    elif kind == 3:
        members["META-INF/container.xml"] = pick(
            chance, (b"", b"<a", b"<c><rootfile full-path='../x'/></c>", b"<c/>" * 9, b"\xff\xfe")
        )
    else:
        members[name] = xml_text(members[name], chance)
    packing = pick(chance, (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", packing) as written:
        for member, content in members.items():
            written.writestr(member, content)
    made = file.getvalue()
    return raw(made, chance) if chance.random() < 0.1 else made


def midi(data: bytes, chance: Chance) -> bytes:
    """A MIDI file with other events, division or lengths of tracks, or damage."""
    for _ in range(pick(chance, (1, 1, 2, 4))):
        kind = int(chance.integers(5))
        if kind == 0 and len(data) > 14:
            at = pick(chance, (8, 10, 12))
            value = pick(chance, (0, 1, 2, 480, 0x7FFF, 0x8000, 0xE728, 0xFFFF))
            data = data[:at] + struct.pack(">H", value) + data[at + 2 :]
        elif kind == 1 and b"MTrk" in data:
            at = data.index(b"MTrk") + 4
            length = pick(chance, (0, 1, 2**31, 2**32 - 1, len(data) - at - 4))
            data = data[:at] + struct.pack(">I", length) + data[at + 4 :]
        elif kind == 2:
            at = int(chance.integers(len(data) + 1))
            data = data[:at] + pick(chance, EVENTS) + data[at:]
        elif kind == 3 and b"MTrk" in data:
            track = data[data.rindex(b"MTrk") :]
            data += track * pick(chance, (1, 3, 100))
        else:
            data = raw(data, chance)
    return data


def request(data: bytes, chance: Chance) -> bytes:
    """An HTTP request with another method, path, header, field or body."""
    kind = chance.random()
    if kind < 0.15:
        return raw(data, chance)
    head, sign, body = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    kind = int(chance.integers(7))
    if kind == 0:
        method = pick(chance, ("GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH", "X"))
        lines[0] = f"{method} {pick(chance, PATHS)} HTTP/1.1".encode()
    elif kind == 1 and len(lines) > 1:
        del lines[int(chance.integers(1, len(lines)))]
    elif kind in (2, 3):
        line = pick(chance, HEADERS).encode("latin-1")
        name = line.partition(b":")[0].lower()
        if chance.random() < 0.8:
            lines = [each for each in lines if each.partition(b":")[0].lower() != name]
        lines.append(line)
    elif kind == 4:
        found = re.findall(rb'(?:file)?name="[^"]*"', body)
        if found:
            word = pick(chance, FIELDS).encode("utf-8", "surrogatepass")
            old = pick(chance, found)
            body = body.replace(old, old.partition(b"=")[0] + b'="' + word + b'"', 1)
    elif kind == 5:
        parts = body.split(b"\r\n\r\n")
        at = int(chance.integers(len(parts)))
        word = pick(chance, FIELDS).encode("utf-8", "surrogatepass")
        _, cut, rest = parts[at].partition(b"\r\n")
        parts[at] = word + cut + rest
        body = b"\r\n\r\n".join(parts)
    else:
        again = re.split(rb"(?=--fuzz\r\n)", body)
        body = pick(chance, again) * pick(chance, (1, 2, 60)) + body
    if chance.random() < 0.8:
        lines = [each for each in lines if not each.lower().startswith(b"content-length: 1")]
        if not any(each.lower().startswith((b"content-length", b"transfer-enc")) for each in lines):
            lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + (sign or b"\r\n\r\n") + body
