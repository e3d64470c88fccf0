"""Audio files as people name them: files, folders of files, and patterns."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from timbresep.errors import AudioError
from timbresep.output_files import real

AUDIO = frozenset(
    (
        *(".wav", ".wave", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif"),
        *(".aiff", ".aifc", ".au", ".snd", ".caf", ".m4a", ".m4b", ".mp4", ".mov", ".aac"),
        *(".wma", ".webm", ".mka", ".mkv"),
    )
)
"""What a file in a folder is called if it is taken for audio."""

PATTERN = "*?["


@dataclass(frozen=True)
class Inputs:
    """The files that some names stand for.

    Attributes:
        files: in order.
        inside: file → its folder, below the folder that was named.
    """

    files: tuple[Path, ...]
    inside: dict[Path, Path]


def audio_files(named: Sequence[Path], out: Path | None = None) -> Inputs:
    """Find audio files: of a folder, all below it; of a pattern that no shell has read, what fits.

    Args:
        named: files, folders and patterns.
        out: where results go, if anywhere; nothing in it is an input.

    Raises:
        AudioError: a folder without audio files, or a pattern that nothing fits or that is none.
    """
    inside: dict[Path, Path] = {}
    files: list[Path] = []
    for path in named:
        if _is_folder(path):
            found = sorted(_below(path, out))
            if not found:
                raise AudioError(f"{path}: no audio files in it", "name another folder, or files")
            inside |= {file: file.relative_to(path).parent for file in found}
            files += found
        elif any(sign in str(path) for sign in PATTERN) and not os.path.lexists(path):
            fitting = sorted(_fitting(path, out))
            if not fitting:
                raise AudioError(f"{path}: no file fits this pattern", "check it")
            files += fitting
        else:
            files.append(path)
    return Inputs(tuple(files), inside)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name too long, a loop of links: told when it is opened
        return False


def _fitting(pattern: Path, out: Path | None) -> Iterator[Path]:
    """Files that fit a pattern, relative or absolute, without results."""
    root = Path(pattern.anchor)
    try:
        for file in root.glob(str(pattern.relative_to(root))):
            if file.is_file() and not _is_result(file, out):
                yield file
    except ValueError as error:
        raise AudioError(f"{pattern}: not a pattern ({error})", "check it") from error


def _below(folder: Path, out: Path | None) -> Iterator[Path]:
    """Audio files below a folder, without those that are hidden or results."""
    for file in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if hidden or file.suffix.lower() not in AUDIO or not file.is_file():
            continue
        if not _is_result(file, out):
            yield file


def _is_result(file: Path, out: Path | None) -> bool:
    """Whether a file is in the folder of results."""
    return out is not None and real(out) in real(file).parents
