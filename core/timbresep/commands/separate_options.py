"""The options of `separate` alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from timbresep.commands.panels import HOW, SCORE, WRITTEN

SUBTYPES = {"16": "PCM_16", "24": "PCM_24", "32": "FLOAT"}

Files = Annotated[
    list[Path],
    typer.Argument(
        readable=False,
        help="Audio files, folders of them, or patterns such as '*.flac'. WAV, FLAC, Ogg, Opus, "
        "MP3 and AIFF are read as they are; M4A, AAC, MP4, WMA, WebM and others need the program "
        "ffmpeg.",
    ),
]
Out = Annotated[
    Path,
    typer.Option(
        "-o",
        "--out",
        help="Write the stems of a file to this folder, as OUT/<file>/<instrument>.wav.",
    ),
]
StemFormat = Annotated[
    Literal["wav", "flac", "mp3", "ogg", "opus"],
    typer.Option(
        help="File format of the stems. wav and flac lose nothing; mp3, ogg and opus are small. "
        "Opus files are at 48 kHz.",
        rich_help_panel=WRITTEN,
    ),
]
StemBits = Annotated[
    Literal["16", "24", "32"] | None,
    typer.Option(
        help="Bits of a sample: 16, 24 or 32 for WAV; 16 or 24 for FLAC. The default of WAV is 32, "
        "which is float: a stem may be louder than full scale where others cancel it, and float "
        "keeps that. 24 is the default of FLAC; what is louder is clipped, and told.",
        rich_help_panel=WRITTEN,
    ),
]
Residual = Annotated[
    bool,
    typer.Option(
        "--residual",
        help="Also write the residual: the mixture less all stems.",
        rich_help_panel=WRITTEN,
    ),
]
ScoreOf = Annotated[
    Path | None,
    typer.Option(
        "--score",
        readable=False,
        help="The score of the recording: MIDI, MusicXML (.musicxml, .xml, .mxl), Humdrum or MEI. "
        "Its parts are the stems; -i chooses among them. --separator none goes by the notes "
        "alone.",
        rich_help_panel=SCORE,
    ),
]
Aligned = Annotated[
    bool,
    typer.Option(
        "--aligned",
        help="The times of the score are those of the recording. By default they are looked for.",
        rich_help_panel=SCORE,
    ),
]
Midi = Annotated[
    bool,
    typer.Option(
        "--midi",
        help="Also write the notes of each stem, as MIDI: those of --score, or what the "
        "transcriber hears.",
        rich_help_panel=WRITTEN,
    ),
]
MixtureConsistency = Annotated[
    bool,
    typer.Option(
        "--mixture-consistency",
        help="Divide the whole mixture among the stems, so that they sum to it. Use this "
        "only if you name every instrument that plays.",
        rich_help_panel=HOW,
    ),
]


Preset = Annotated[
    str | None,
    typer.Option(
        help="What people often want: 4stems (vocals, drums, bass and the rest of a song), band "
        "(guitars and piano, too), ensemble (everyone who plays) or minus-one (for everyone, the "
        "recording without them). registry.yaml defines them. -i and --separator go first."
    ),
]
Quality = Annotated[
    Literal["fast", "good", "best"],
    typer.Option(
        help="fast: each stem by itself, without a transcriber. good: stems share the mixture. "
        "best: the mean over three pitches, three times as slow. Options that say more go first."
    ),
]
Minus = Annotated[
    list[str] | None,
    typer.Option(
        help="NAME[,NAME…]: write the mixture without these instruments, as minus-NAME.wav; "
        "repeatable. Without -i, no stem is written."
    ),
]
KeepAbsent = Annotated[
    bool,
    typer.Option(
        "--keep-absent",
        help="With all instruments, also write the stems of those that do not seem to play. By "
        "default they are left out, and told.",
        rich_help_panel=WRITTEN,
    ),
]
Report = Annotated[
    bool,
    typer.Option(
        "--report",
        help="Also write OUT/<file>/report.html: a page to listen to mixture and stems in sync, "
        "with waveforms, spectrograms, notes, settings and licences. It needs no network.",
        rich_help_panel=WRITTEN,
    ),
]
Figures = Annotated[
    bool,
    typer.Option(
        "--figures",
        help="Also write waveforms, spectrograms and notes as PNG, OUT/<file>/figures/*.png.",
        rich_help_panel=WRITTEN,
    ),
]
StemFile = Annotated[
    bool,
    typer.Option(
        "--stem-file",
        help="Also write mixture and stems as one file for DJ programs, "
        "OUT/<file>/<file>.stem.mp4. "
        "It holds four stems (--preset 4stems), and needs ffmpeg.",
        rich_help_panel=WRITTEN,
    ),
]
