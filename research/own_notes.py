"""What it brings to ask by an instrument's own notes instead of its plugin's condition.

    python research/own_notes.py TRACKS --notes 10 (--soundfont | --samples FOLDER) [--limit N]
        [--checkpoint FILE]

TRACKS holds folders of stems named by instrument. Some notes of each instrument are its reference
recordings (`separate --reference`): with --soundfont, single notes played with the program that its
`track.yaml` names for the stem; with --samples, recordings out of FOLDER/<instrument>. They lie
evenly over its range, and no piece is made of them. What has no pitch, such as drums, is asked for
by its plugin.

Prints SI-SDR improvement in dB by instrument, of stems as `separate` gives them, with
`--independent`, and with `--mixture-consistency`, with the plugins' conditions and with those of
the notes.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import soundfile
import torch
import yaml
from rich.console import Console
from rich.table import Table

from timbresep.condition import reference
from timbresep.data import recipe as recipes
from timbresep.data.rendering.midi import Event, midi_file
from timbresep.data.rendering.renderer import find_soundfont, render
from timbresep.data.rendering.sampler import find_notes
from timbresep.data.rendering.waveform import RATE
from timbresep.data.track import Track
from timbresep.errors import DataError
from timbresep.evaluation.result import Method, Row
from timbresep.evaluation.run import evaluate
from timbresep.evaluation.tracks import tracks_in
from timbresep.instrument import Instrument
from timbresep.registry.registry import Registry
from timbresep.separation.load import open_separator

WAYS: dict[str, Method] = {
    "separate": "separator",
    "independent": "independent",
    "with mixture consistency": "consistent",
}
VELOCITIES = (60, 85, 110)

Measure = Callable[[Track, Instrument], np.ndarray | None]


def main() -> None:
    """Score all tracks both ways and print the table."""
    given = _arguments()
    torch.set_flush_denormal(True)
    registry = Registry.load()
    by_name = {item.name: item for item in registry.instruments()}
    measure = (
        _of_samples(given.samples, given.notes) if given.samples else _of_soundfont(given.notes)
    )
    path = given.checkpoint or registry.separators.get().checkpoint
    rows: dict[str, list[Row]] = {"plugin": [], "notes": []}
    for track in tracks_in(given.tracks, registry.instruments())[: given.limit]:
        measured = {name: measure(track, by_name[name]) for name in track.stems if name in by_name}
        told = {name: vector for name, vector in measured.items() if vector is not None}
        for label, conditions in (("plugin", {}), ("notes", told)):
            separator = open_separator(
                list(measured), checkpoint=path, registry=registry, reference=conditions
            )
            rows[label] += evaluate(separator, [track]).rows
        print(f"{track.name}: {', '.join(told)}", flush=True)
    _print(rows)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tracks", type=Path)
    parser.add_argument("--notes", type=int, default=10, help="notes of each instrument")
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--soundfont", action="store_true", help="the one that the tracks name")
    way.add_argument("--samples", type=Path, help="folder of recorded notes")
    parser.add_argument("--limit", type=int, help="only the first tracks")
    parser.add_argument("--checkpoint", type=Path, help="the registry's default if not given")
    return parser.parse_args()


def _of_soundfont(count: int) -> Measure:
    """Measure notes played with the program that played a stem."""
    known: dict[tuple[str, str], np.ndarray | None] = {}

    def measure(track: Track, instrument: Instrument) -> np.ndarray | None:
        folder = next(iter(track.stems.values())).parent
        about = yaml.safe_load((folder / "track.yaml").read_text(encoding="utf-8"))
        sound = about["sounds"][instrument.name]
        if (instrument.name, sound) not in known:
            known[instrument.name, sound] = _played(instrument, sound, count)
        return known[instrument.name, sound]

    return measure


def _played(instrument: Instrument, sound: str, count: int) -> np.ndarray | None:
    font, _, number = sound.rpartition(" program ")
    recipe = recipes.load(instrument.recipe_file)
    if isinstance(recipe.voice, recipes.Percussion):
        return None
    own = [f.range for f in recipe.soundfonts if int(number) in f.programs and f.range]
    low, high = own[0] if own else recipe.voice.range
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for k, note in enumerate(np.linspace(low, high, count).round().astype(int).tolist()):
            event = Event(0.1, 1.0, note, VELOCITIES[k % len(VELOCITIES)])
            wave = render(
                midi_file([event], [], int(number), 0, 1.6), find_soundfont(font), reverb=False
            )
            files.append(Path(folder) / f"{note}.wav")
            soundfile.write(files[-1], wave, RATE)
        return _condition(files, f"{instrument.name}, {sound}")


def _of_samples(root: Path, count: int) -> Measure:
    """Measure recorded notes of an instrument."""
    known: dict[str, np.ndarray | None] = {}

    def measure(_: Track, instrument: Instrument) -> np.ndarray | None:
        if instrument.name not in known:
            layers = find_notes(root / instrument.name)
            picks = np.linspace(0, len(layers) - 1, min(count, len(layers))).round().astype(int)
            files = [layers[sorted(layers)[k]][-1] for k in picks]
            known[instrument.name] = _condition(files, instrument.name)
        return known[instrument.name]

    return measure


def _condition(files: Sequence[Path], what: str) -> np.ndarray | None:
    try:
        return reference.from_files(files)
    except DataError as error:
        print(f"{what}: {error}")
        return None


def _print(rows: dict[str, list[Row]]) -> None:
    names = sorted({row.instrument for row in rows["plugin"]})
    view = Table("", *(f"{way}, {label}" for way in WAYS for label in rows))
    columns = []
    for method in WAYS.values():
        for label in rows:
            columns.append([_mean(rows[label], name, method) for name in names])
    for name, *cells in zip(names, *columns, strict=True):
        view.add_row(name, *(f"{cell:.1f}" for cell in cells))
    view.add_row("mean", *(f"{np.nanmean(column):.1f}" for column in columns))
    Console(width=140).print(view)


def _mean(rows: Sequence[Row], name: str, method: Method) -> float:
    found = [
        row.si_sdr_improvement
        for row in rows
        if row.instrument == name and row.method == method and row.si_sdr_improvement is not None
    ]
    return float(np.mean(found)) if found else float("nan")


if __name__ == "__main__":
    main()
