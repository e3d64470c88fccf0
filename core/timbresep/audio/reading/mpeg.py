"""MPEG audio (MP3, MP2): its frames are counted one by one, whatever its header says of them.

The format has no header of its own: the first frame may carry a count (Xing, Info), and decoders
that find none guess the length from the first frame's bit rate and the size of the file.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from timbresep.audio.reading.mpeg_frames import Header, first_frame, walk
from timbresep.audio.reading.pieces import Data, Piece
from timbresep.audio.reading.plan import Plan
from timbresep.errors import AudioError

LARGEST = 1152
"""Samples of a frame, at most; decoders may give one frame fewer than there are."""

_DECODER_DELAY = 529  # samples, of every decoder of layer III


def plan(data: Data, path: Path, start: int, *, search: bool = True) -> Plan | None:
    """Find MPEG audio and count its frames; None if there is none.

    Args:
        data: of the file.
        path: to name it in messages.
        start: byte at which it begins.
        search: look also further on, behind bytes that are no frames.

    Raises:
        AudioError: the file is cut short of what it says, or damaged for the most part; the
            stream changes its rate or channels.
    """
    begin = first_frame(data, start, search=search)
    if begin is None:
        return None
    frames = walk(data, path, begin)
    notes = []
    held = sum(end - at for at, end in frames.stretches)
    if frames.damage > held:
        raise AudioError(
            f"{path}: not readable as audio ({frames.damage:,} of its bytes are no MPEG frames)",
            hint="the file is cut or corrupt; get a whole copy",
        )
    if frames.damage > frames.first.bytes:
        seconds = frames.damaged_at * frames.first.samples / frames.first.rate
        notes.append(f"{path}: {frames.damage} damaged bytes from {seconds:.3f} s on were left out")
    name = f"MPEG audio, layer {'I' * frames.first.layer}"
    pieces: list[Piece] = [(at, end - at) for at, end in frames.stretches]
    if frames.first.layer < 3:
        whole = frames.count * frames.first.samples
        return Plan((tuple(pieces),), whole, LARGEST, name=name, notes=tuple(notes))
    said = _Count.read(data, begin, frames.first)
    if said is not None:
        frames.count -= 1  # its frame holds no sound
        if frames.count < 1:
            raise AudioError(f"{path} holds no samples")
        if said.plain and abs(said.frames - frames.count) <= 1:
            return Plan((tuple(pieces),), None, LARGEST, name=name, notes=tuple(notes))
        short = not said.size or held + said.length < said.size
        if said.frames > frames.count + 1 and short:
            seconds = frames.first.samples / frames.first.rate
            raise AudioError(
                f"{path}: cut short; its header says {said.frames * seconds:.3f} s, "
                f"it holds {frames.count * seconds:.3f} s",
                hint="get a whole copy, or save it again to accept the part that is there",
            )
        if said.frames and abs(said.frames - frames.count) > 1:
            notes.append(
                f"{path}: its header counts {said.frames} frames, {frames.count} are there"
            )
        at, end = frames.stretches[0]
        rest = (at + said.length, end - at - said.length)
        pieces = [said.mended(data, frames.count, held), *([rest] if rest[1] else []), *pieces[1:]]
    else:
        pieces.insert(0, _counting_frame(data[begin : begin + 4], frames.count))
    return Plan((tuple(pieces),), None, LARGEST, name=name, notes=tuple(notes))


@dataclass(frozen=True)
class _Count:
    """What a first frame without sound says of the others (Xing, Info or VBRI).

    Attributes:
        begin, length: of its frame, bytes.
        field: where in the file the count of frames is; 0 if there is none.
        frames, size: said to be in the stream; 0 if not said.
        plain: decoders understand it.
    """

    begin: int
    length: int
    field: int
    frames: int
    size: int
    plain: bool

    @classmethod
    def read(cls, data: Data, begin: int, first: Header) -> _Count | None:
        """The count in the frame at ``begin``; None where it is a frame of sound."""
        length = first.bytes
        if data[begin + 36 : begin + 40] == b"VBRI":
            size, count = struct.unpack(">II", data[begin + 46 : begin + 54])
            return cls(begin, length, 0, count, size, plain=False)
        for checksum in (0, 2):
            at = begin + 4 + first.side + checksum
            if data[at : at + 4] not in (b"Xing", b"Info") or at + 16 > begin + length:
                continue
            flags, one, two = struct.unpack(">III", data[at + 4 : at + 16])
            if not flags & 1:
                return cls(begin, length, 0, 0, one if flags & 2 else 0, plain=False)
            plain = checksum == 0 and bool(flags & 2)
            return cls(begin, length, at + 8, one, two if flags & 2 else 0, plain)
        return None

    def mended(self, data: Data, frames: int, size: int) -> bytes:
        """The same frame, or one like it, with the right counts of frames and bytes."""
        if not self.plain:
            return _counting_frame(data[self.begin : self.begin + 4], frames)
        whole = bytearray(data[self.begin : self.begin + self.length])
        at = self.field - self.begin
        whole[at : at + 8] = struct.pack(">II", frames, size)
        return bytes(whole)


def _counting_frame(head: bytes, frames: int) -> bytes:
    """What lets a decoder give all samples of the frames of layer III that follow, and no more.

    An Info frame counts them, and one frame of silence. The decoder takes its own delay and the
    delay that the Info frame tells off the start, which is that silence.
    """
    for bitrate in range(1, 15):
        four = bytes((0xFF, head[1] | 1, bitrate << 4 | head[2] & 0x0C, head[3] & 0xF0))
        header = Header.read(four)
        if header is None or header.bytes < 96:
            continue
        delay = header.samples - _DECODER_DELAY
        body = (
            bytes(header.side) + b"Info" + struct.pack(">II", 1, frames + 1) + b"LAME" + bytes(17)
        )
        body += (delay << 12 | _DECODER_DELAY).to_bytes(3, "big")
        return four + body.ljust(header.bytes - 4, b"\0") + four.ljust(header.bytes, b"\0")
    raise AssertionError("every rate has such a frame")
