"""Maps of sampled instruments become folders of notes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recorded_notes import convert, off_key, regions
from timbresep import audio
from timbresep.data.rendering.sampler import find_notes
from timbresep.errors import DataError
from timbresep.units import midi_to_hz

RATE = 22_050


def tone(midi: float, silence_s: float = 0.3) -> np.ndarray:
    """A decaying tone with overtones after silence: (1, samples)."""
    seconds = np.arange(RATE) / RATE
    phases = 2 * np.pi * float(midi_to_hz(midi)) * seconds
    wave = sum(np.sin(k * phases) / k for k in range(1, 6)) * np.exp(-2 * seconds)
    return 0.2 * np.concatenate([np.zeros(round(silence_s * RATE)), wave])[None].astype(np.float32)


def collection(root: Path) -> Path:
    """A map that includes another one, and its recordings."""
    for name, midi in (("c4_p", 60), ("c4_f1", 60), ("c4_f2", 60), ("e4", 63.8), ("off", 71)):
        audio.write(root / "Samples" / f"{name}.wav", tone(midi), RATE, "FLOAT")
    audio.write(root / "Samples" / "noise.wav", tone(50), RATE, "FLOAT")
    (root / "Data").mkdir()
    (root / "Data" / "loud.txt").write_text(
        "<region> sample=c4_f1.$EXT seq_position=1\n<region> sample=c4_f2.$EXT\n"
    )
    file = root / "instrument.sfz"
    file.write_text(
        "// a comment with sample=none.wav\n#define $EXT wav\n"
        "<control> default_path=Samples/\n"
        "<global> ampeg_release=1\n"
        '<group> key=c4 lovel=64\n#include "Data/loud.txt"\n'
        "<group> pitch_keycenter=60\n<region>\nlovel=1 hivel=63\nsample=c4_p.$EXT\n"
        "<group>\n<region> lokey=63 hikey=66 pitch_keycenter=64 tune=20 sample=e4.$EXT\n"
        "<region> key=72 sample=off.$EXT\n"
        "<region> key=74 sample=absent.$EXT\n"
        "<region> key=50 sample=noise.$EXT\n"
        "<region> lokey=47 hikey=49 sample=c4_p.$EXT\n"
        "<group> trigger=release\n<region> key=60 sample=noise.$EXT\n"
    )
    return file


def test_a_map_is_read_with_what_headers_hand_down(tmp_path: Path) -> None:
    found = [(r.file.stem, r.midi, r.velocity, r.cents) for r in regions(collection(tmp_path))]
    assert found == [
        ("c4_f1", 60, 64, 0),
        ("c4_f2", 60, 64, 0),
        ("c4_p", 60, 1, 0),
        ("e4", 64, 0, 20),
        ("off", 72, 0, 0),
        ("absent", 74, 0, 0),
        ("noise", 50, 0, 0),
        ("c4_p", 60, 0, 0),
    ]


def test_notes_are_layers_that_begin_at_once_in_tune_and_wrong_ones_are_left(
    tmp_path: Path,
) -> None:
    out = tmp_path / "out" / "harp"
    kept, left = convert(collection(tmp_path), out, only=r"Samples/(?!noise)")
    assert len(kept) == 4
    assert [line.split()[0] for line in left] == ["off.wav"]
    notes = find_notes(out)
    assert {midi: [path.name for path in paths] for midi, paths in notes.items()} == {
        60: ["C4v1.flac", "C4v2.flac", "C4v3.flac"],
        64: ["E4v1.flac"],
    }
    for midi, paths in notes.items():
        wave, rate = audio.read(paths[0])
        assert rate == 44_100
        assert wave.shape[0] == 1
        assert np.abs(wave).max() == pytest.approx(0.9, abs=0.05)
        assert np.abs(wave[0, : round(0.02 * rate)]).max() > 0.3, "the silence is gone"
        off = off_key(wave, midi)
        assert off is not None
        assert abs(off) < 0.1, "tuned as the map says"


def test_a_pitch_that_cannot_be_tracked_is_none() -> None:
    assert off_key(np.zeros((1, 44_100), np.float32), 60) is None
    assert off_key(tone(105), 105) is None


def test_a_recording_of_another_key_is_heard_however_far_it_is() -> None:
    recorded = audio.resample(tone(60, 0.0), RATE, 44_100)
    for key, off in ((60, 0.0), (43, 5.0), (55, 5.0), (66, -6.0), (72, 0.0)):
        heard = off_key(recorded, key)
        assert heard is not None
        assert abs(abs(heard) - abs(off)) < 0.1, key


def test_a_map_stays_in_its_collection(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    file = inner / "x.sfz"
    file.write_text("<region> sample=../../../secret.wav key=60\n")
    with pytest.raises(DataError, match="leads out"):
        list(regions(file))
