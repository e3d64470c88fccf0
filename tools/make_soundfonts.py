"""Two free General MIDI banks that are not published as SoundFonts, made into SoundFont 2 files.

    python tools/make_soundfonts.py generaluser WEBAUDIOFONTDATA GeneralUserGS.sf2
    python tools/make_soundfonts.py discord DISCORD-SFZ-GM-BANK DiscordGM.sf2

Each second argument is a git clone, with a work tree or without, of surikov/webaudiofontdata or of
sfzinstruments/Discord-SFZ-GM-Bank.

`generaluser`: the zones of GeneralUser GS that WebAudioFont publishes as JavaScript (one file per
General MIDI program and layer, each zone an MP3 with its root pitch and loop). Filters, envelopes
and velocity layers of the original are lost: a plain envelope replaces them; zones are levelled.
Its voice oohs and oboe are left out: TimGM6mb, which is kept for tests, has the same recordings.

`discord`: SFZ files with WAV samples (loops in their `smpl` chunks); the loudest velocity layer of
each region is taken.

Programs that a bank has not, but recipes may draw, are played by others of the same instrument.
The decoder (libsndfile) drops the MP3 encoder's delay and padding by the header each file has, so
loop points need no offset; they are checked all the same, and a short crossfade seals each loop.
"""

from __future__ import annotations

import argparse
import base64
import dataclasses
import io
import math
import re
import struct
from pathlib import Path

import soundfile
import soxr

from git_clone import git_show
from soundfont_file import Preset, Zone, loop_step, without_overlap, write_soundfont

LOWEST_RATE = 32_000
"""Samples below this rate (Hz) are raised by a whole factor: players interpolate them badly."""


GENERALUSER: dict[int, tuple[str, tuple[str, ...], float | None]] = {
    # program: (name, WebAudioFont layers of which it is made, seconds of 60 dB)
    0: ("Grand Piano", ("0000",), 10),
    1: ("Bright Piano", ("0010",), 10),
    24: ("Nylon Guitar", ("0240",), 5),
    25: ("Steel Guitar", ("0250",), 6),
    26: ("Jazz Guitar", ("0260",), 6),
    27: ("Clean Guitar", ("0270",), 7),
    29: ("Overdriven Guitar", ("0290",), 12),
    30: ("Distortion Guitar", ("0300",), 12),
    32: ("Acoustic Bass", ("0320", "0321"), 4),
    33: ("Finger Bass", ("0330",), 5),
    34: ("Pick Bass", ("0340",), 5),
    35: ("Fretless Bass", ("0350",), 5),
    36: ("Slap Bass 1", ("0360",), 4.5),
    37: ("Slap Bass 2", ("0372",), 4.5),
    40: ("Violin", ("0400",), None),
    41: ("Viola", ("0410",), None),
    42: ("Cello", ("0420",), None),
    52: ("Choir Aahs", ("0520",), None),
    56: ("Trumpet", ("0560",), None),
    57: ("Trombone", ("0570",), None),
    60: ("French Horn", ("0601",), None),
    64: ("Soprano Sax", ("0640",), None),
    65: ("Alto Sax", ("0650",), None),
    66: ("Tenor Sax", ("0660",), None),
    67: ("Baritone Sax", ("0670",), None),
    70: ("Bassoon", ("0700",), None),
    71: ("Clarinet", ("0710",), None),
    73: ("Flute", ("0730",), None),
}
TUNING: dict[str, float] = {
    # The original's octave shifts of whole programs are not in WebAudioFont's zones.
    "0321": -1200,
    "0330": -1200,
    "0340": -1200,
    "0350": -1200,
    "0360": -1200,
    "0560": -1200,
    "0372": 21,
}
"""Cents by which a WebAudioFont layer sounds too high when played as its zones say (measured)."""


def read_webaudiofont(repository: Path, layer: str) -> list[Zone]:
    """Zones of one WebAudioFont file, decoded."""
    text = git_show(repository, f"sound/{layer}_GeneralUserGS_sf2_file.js").decode()
    zones = []
    for block in text.split("midi:")[1:]:
        value = {key: int(number) for key, number in re.findall(r",(\w+):(-?\d+)\s*$", block, re.M)}
        file = re.search(r",file:'([^']+)'", block)
        label = re.search(r"//_tone\.(\S+)", block)
        if file is None or label is None:
            raise ValueError(f"no sample in a zone of {layer}")
        wave, rate = soundfile.read(io.BytesIO(base64.b64decode(file[1])), dtype="float64")
        if wave.ndim > 1:
            wave = wave.mean(axis=1)
        # To a whole multiple of the rate the loop points are counted in.
        factor = math.ceil(LOWEST_RATE / value["sampleRate"] - 0.05)
        target = value["sampleRate"] * factor
        wave = soxr.resample(wave, rate, target, quality="VHQ")
        cents = value["originalPitch"] - 100 * value["coarseTune"] - value["fineTune"]
        loop = None
        if 0 <= value["loopStart"] < value["loopEnd"]:
            loop = (value["loopStart"] * factor, value["loopEnd"] * factor)
        zones.append(
            Zone(
                label[1],
                value["keyRangeLow"],
                value["keyRangeHigh"],
                (cents + TUNING.get(layer, 0.0)) / 100,
                target,
                wave,
                loop,
            )
        )
    return zones


def generaluser(repository: Path) -> list[Preset]:
    """The presets of GeneralUser GS in `GENERALUSER`."""
    presets = []
    for program, (name, layers, fall) in GENERALUSER.items():
        zones = [zone for layer in layers for zone in read_webaudiofont(repository, layer)]
        presets.append(Preset(program, name, without_overlap(zones), fall))
    return presets


DISCORD = {
    0: ("Salamander Grand", "001-Acoustic Grand Piano"),
    1: ("Yamaha Upright", "002-Bright Acoustic Piano"),
    25: ("Martin HD28 Guitar", "026-Acoustic Guitar (steel)"),
    33: ("Killer Finger Bass", "034-Electric Bass (finger)"),
}
_OPCODE = re.compile(r"(\w+)=(.*?)(?=\s+\w+=|\s*$)")


def wav_loop(data: bytes) -> tuple[int, int] | None:
    """First loop of a WAV file's `smpl` chunk, its end exclusive."""
    position = 12
    while position + 8 <= len(data):
        tag, size = struct.unpack_from("<4sI", data, position)
        if tag == b"smpl" and struct.unpack_from("<I", data, position + 8 + 28)[0]:
            start, end = struct.unpack_from("<II", data, position + 8 + 36 + 8)
            return start, end + 1
        position += 8 + size + size % 2
    return None


def read_sfz(repository: Path, folder: str, name: str) -> list[Zone]:
    """Zones of an SFZ file: of each region's velocity layers the loudest."""
    text = git_show(repository, f"{folder}/{name}.sfz").decode()
    zones = []
    group: dict[str, str] = {}
    for line in text.splitlines():
        line = line.split("//")[0].strip()
        opcodes = dict(_OPCODE.findall(re.sub(r"<\w+>", "", line)))
        if line.startswith("<group>"):
            group = opcodes
        if not line.startswith("<region>"):
            continue
        opcodes = group | opcodes
        if int(opcodes.get("hivel", 127)) < 127:
            continue
        data = git_show(repository, f"{folder}/{opcodes['sample']}")
        wave, rate = soundfile.read(io.BytesIO(data), dtype="float64", always_2d=True)
        label = Path(opcodes["sample"]).stem
        cents = 100 * float(opcodes["pitch_keycenter"]) - float(opcodes.get("tune", 0))
        loop = wav_loop(data)
        if opcodes.get("loop_mode") in ("no_loop", "one_shot"):
            loop = None
        decay = float(opcodes["ampeg_decay"]) if "ampeg_decay" in opcodes else None
        hold = float(opcodes["ampeg_hold"]) if "ampeg_hold" in opcodes else None
        zones.append(
            Zone(
                label,
                int(opcodes["lokey"]),
                int(opcodes["hikey"]),
                cents / 100,
                rate,
                wave.mean(axis=1),
                loop,
                hold,
                decay,
            )
        )
    return zones


def discord(repository: Path) -> list[Preset]:
    """The presets of the Discord SFZ GM bank in `DISCORD`."""
    return [
        Preset(program, name, without_overlap(read_sfz(repository, folder, file)), 10, 0.5)
        for program, (name, file) in DISCORD.items()
        for folder in ["Discord GM/Melodic"]
    ]


# How a bank is read, its name and rights, and the programs played by another.
BANKS = {
    "generaluser": (
        generaluser,
        "GeneralUser GS (from WebAudioFont)",
        "S. Christian Collins; GeneralUser GS License v2.0: free use and modification",
        {53: 52, 59: 56, 110: 40},
    ),
    "discord": (
        discord,
        "Discord SFZ GM (part)",
        "0: Alexander Holm, CC-BY; 1: Versilian Studios, CC0; 25: Jeff Learman, CC0; "
        "33: Karoryfer, CC0",
        {24: 25, 34: 33, 35: 33, 36: 33, 37: 33},
    ),
}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("bank", choices=BANKS)
    parser.add_argument("repository", type=Path, help="git directory of the source")
    parser.add_argument("out", type=Path, help="SoundFont to write")
    arguments = parser.parse_args()
    read, name, rights, others = BANKS[arguments.bank]
    presets = read(arguments.repository)
    for preset in presets:
        steps = [loop_step(z.wave, z.loop, z.rate) for z in preset.zones if z.loop]
        print(
            f"{preset.program:3d} {preset.name:20s} {len(preset.zones):2d} zones,"
            f" {len(steps)} looped, loop mismatch up to {max(steps, default=0):.3f}"
        )
    known = {preset.program: preset for preset in presets}
    for program, other in others.items():
        presets.append(dataclasses.replace(known[other], program=program))
    presets.sort(key=lambda preset: preset.program)
    write_soundfont(arguments.out, name, rights, presets)


if __name__ == "__main__":
    main()
