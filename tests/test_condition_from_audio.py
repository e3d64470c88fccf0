"""A few solo notes become an instrument that separates; what cannot serve is told in one line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

import cli
from timbresep.condition import vector as conditioner
from timbresep.condition.note_detection import detect_notes, name_notes, notes_of
from timbresep.condition.reference import from_files, tones
from timbresep.condition.tone_table import ToneTable
from timbresep.condition.vector import LAYOUTS
from timbresep.condition.view import similarity
from timbresep.errors import DataError, UnknownNameError
from timbresep.evaluation.plan import Plan
from timbresep.files import sha256_of
from timbresep.registry.chain import NO_TRANSCRIBER
from timbresep.registry.registry import Registry
from timbresep.separation.load import open_separator
from timbresep.separation.options import SeparationOptions
from timbresep.voice.plugin_files import build_condition

RATE = 22_050
REED = np.array([0.8, 0.6, 0.5, 0.35, 0.2, 0.12, 0.06, 0.03, 0.02, 0.01])


def tone(midi: float, seconds: float = 0.9, rate: int = RATE, gain: float = 0.25) -> np.ndarray:
    """A note with soft edges and a bit of breath."""
    moment = np.arange(round(seconds * rate)) / rate
    hz = 440 * 2 ** ((midi - 69) / 12)
    partials = [a * np.sin(2 * np.pi * k * hz * moment + k) for k, a in enumerate(REED, 1)]
    audible = [p for k, p in enumerate(partials, 1) if k * hz < rate / 2]
    breath = 0.003 * np.random.default_rng(round(midi)).standard_normal(len(moment))
    edges = np.minimum(1, 40 * np.minimum(moment, moment[::-1]))
    return gain * edges * (np.sum(audible, axis=0) + breath)


def chord(*notes: float) -> np.ndarray:
    return np.sum([tone(note, gain=0.1) for note in notes], axis=0)


def hits() -> np.ndarray:
    moment = np.arange(RATE // 4) / RATE
    rng = np.random.default_rng(0)
    return np.tile(0.4 * np.exp(-20 * moment), 4) * rng.standard_normal(4 * len(moment))


def written(folder: Path, waves: list[np.ndarray], rate: int = RATE) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{index:02}.wav" for index in range(len(waves))]
    for path, wave in zip(paths, waves, strict=True):
        soundfile.write(path, wave, rate)
    return paths


NOTES = [55, 58, 61, 64, 67, 71]


@pytest.fixture(scope="module")
def reed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six notes of an instrument that nobody knows."""
    return written(tmp_path_factory.mktemp("reed"), [tone(note) for note in NOTES])[0].parent


def test_notes_are_found_as_what_they_are(reed: Path) -> None:
    found = detect_notes(sorted(reed.glob("*.wav")))
    assert found.notes == NOTES
    assert not found.refused
    low, high = found.f0_range
    assert 190 < low < 196.0 < 493.9 < high < 510
    assert found.seconds == pytest.approx(5.4, abs=0.4)
    assert name_notes([60, 61, 69]) == "C4, C♯4, A4"


def test_a_passage_counts_as_its_notes(tmp_path: Path) -> None:
    passage = np.concatenate([tone(note, 0.4) for note in (57, 62, 65)])
    assert detect_notes(written(tmp_path, [passage])).notes == [57, 62, 65]


def test_a_long_recording_may_hold_any_number_of_notes(tmp_path: Path) -> None:
    scale = list(range(48, 78))
    passage = np.concatenate([tone(note, 0.3 if note % 3 else 0.6) for note in scale])
    found = detect_notes(written(tmp_path, [passage])).notes
    assert found == scale


BAD = {
    "silence": ([np.zeros(RATE)] * 3, RATE, "is silent"),
    "noise": ([0.1 * np.random.default_rng(1).standard_normal(RATE)] * 3, RATE, "no steady pitch"),
    "chords": (
        [chord(60, 64, 67), chord(57, 60, 64), chord(62, 65, 69)],
        RATE,
        "several notes at once|no steady pitch",
    ),
    "drums": ([hits()] * 3, RATE, "no steady pitch"),
    "clipped": (
        [np.clip(4 * tone(note), -0.5, 0.5) for note in (60, 64, 67)],
        RATE,
        "is clipped",
    ),
    "8 kHz": (
        [tone(note, rate=8000) for note in (60, 64, 67)],
        8000,
        "at 8000 Hz nothing above 4 kHz",
    ),
    "too few notes": ([tone(60), tone(60, gain=0.1), tone(64)], RATE, "only 2 different notes"),
    "a click": ([np.r_[np.zeros(99), 0.5, np.zeros(99)]] * 3, RATE, "no steady pitch"),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_bad_input_is_one_clear_line(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    waves, rate, message = BAD[case]
    paths = written(tmp_path / "in", waves, rate)
    with pytest.raises(DataError, match=message) as error:
        detect_notes(paths)
    assert error.value.hint
    out = tmp_path / "out"
    command = ["condition", "from-audio", *map(str, paths), "--name", "reed", "-o", str(out)]
    assert cli.main(command) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("error:")
    assert not (out / "reed").exists()
    assert not out.exists() or not list(out.iterdir())


def test_one_bad_file_is_left_out_and_told(reed: Path, tmp_path: Path) -> None:
    [drum] = written(tmp_path, [hits()])
    found = detect_notes([*sorted(reed.glob("*.wav")), drum])
    assert found.notes == NOTES
    assert "no steady pitch" in found.refused[drum]


def test_a_note_without_much_fundamental_keeps_its_octave() -> None:
    from timbresep.audio import resample

    wave = resample(tone(67)[None].astype(np.float32), RATE, 16_000)[0]
    assert notes_of(wave)[0] == [67]


@pytest.fixture(scope="module")
def plugins(reed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of plugins with the one made from the notes."""
    out = tmp_path_factory.mktemp("plugins")
    files = [str(path) for path in sorted(reed.glob("*.wav"))]
    command = ["condition", "from-audio", *files, "--name", "reed", "-o", str(out)]
    assert cli.main([*command, "--seconds", "2", "--licence", "CC0"]) == 0
    return out


def test_the_new_instrument_is_whole(plugins: Path) -> None:
    assert [path.name for path in plugins.iterdir()] == ["reed"], "nothing is left behind"
    registry = Registry.load([plugins])
    assert not registry.broken
    [reed] = registry.instruments(["reed"])
    assert reed.condition().shape == (conditioner.DIM,)
    assert reed.measured().notes == NOTES
    assert "CC0" in reed.config.licences.data
    card = (reed.folder / "README.md").read_text()
    assert card.startswith("# reed\n")
    assert "G3, B♭3, C♯4, E4, G4, B4" in card


def test_its_condition_is_of_its_own_harmonics(plugins: Path) -> None:
    """Nearer to the true harmonics, which the test has drawn, than to any bundled instrument's."""
    registry = Registry.load([plugins])
    [reed] = registry.instruments(["reed"])
    truth = np.zeros((1, len(NOTES), 60), np.float32)
    truth[..., : len(REED)] = REED / REED.sum()
    noise = np.zeros((1, len(NOTES), 16), np.float32)
    table = ToneTable(np.array(NOTES, np.float32), np.zeros(1), truth, noise)
    true = conditioner.condition(table, version=1)
    found = conditioner.as_version(reed.condition(), 1)
    own = similarity(found, true)
    others = {
        item.name: similarity(true, conditioner.as_version(item.condition(), 1))
        for item in registry.instruments()
        if item.name != "reed"
    }
    assert own > max(others.values()), (own, others)


def test_it_separates_at_once_also_with_a_later_condition(
    plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry.load([plugins])
    [reed] = registry.instruments(["reed"])
    build_condition(reed.folder, NOTES)  # of its voice, as the later one will be
    separator = open_separator(["reed"], registry=registry)
    wave = np.random.default_rng(0).standard_normal((1, 8000)).astype(np.float32) / 20
    stem = separator.separate(wave, 44_100)["reed"]
    monkeypatch.setitem(LAYOUTS, 99, (*LAYOUTS[conditioner.CONDITION_VERSION], "spread"))
    build_condition(reed.folder, NOTES, version=99)
    registry = Registry.load([plugins])
    [reed] = registry.instruments(["reed"])
    assert reed.measured().version == 99
    assert reed.condition().shape == (conditioner.length(99),)
    later = open_separator(["reed"], registry=registry)
    np.testing.assert_array_equal(later.separate(wave, 44_100)["reed"], stem)
    build_condition(reed.folder, NOTES)


def test_nothing_is_overwritten_and_no_name_taken(
    plugins: Path, reed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(path) for path in sorted(reed.glob("*.wav"))]
    before = (plugins / "reed" / "ddsp.safetensors").read_bytes()
    command = ["condition", "from-audio", *files, "-o", str(plugins), "--seconds", "0.5"]
    for name, message in (
        ("reed", "exists"),
        ("violin", "is what 'violin'"),
        ("Reed 1", "--name"),
        ("all", "is no name of an instrument"),
    ):
        assert cli.main([*command, "--name", name]) == 1
        assert message in capsys.readouterr().err
    assert (plugins / "reed" / "ddsp.safetensors").read_bytes() == before
    assert cli.main([*command, "--name", "reed", "--overwrite", "--plugin", "violin"]) == 0
    assert "started from the voice of violin" in capsys.readouterr().out
    assert (plugins / "reed" / "ddsp.safetensors").read_bytes() != before


def test_building_a_condition_leaves_the_description_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LAYOUTS, 7, ("registers", "noise"))
    flute = Registry.load().instruments(["flute"])[0]
    (tmp_path / "ddsp.safetensors").write_bytes(flute.ddsp_file.read_bytes())
    description = tmp_path / "instrument.yaml"
    description.write_text(
        "name: flute\nf0_range: [262, 2093]  # Hz\ncondition: {file: c.npy}\n"
        "licences: {weights: MIT, data: []}\n"
    )
    before = description.read_bytes()
    path = build_condition(tmp_path, version=7)
    assert description.read_bytes() == before
    assert path == tmp_path / "c.npy"
    origin = json.loads((tmp_path / "c.json").read_text())
    assert (origin["version"], origin["parts"]) == (7, ["registers", "noise"])
    assert origin["ddsp_sha256"] == sha256_of(tmp_path / "ddsp.safetensors")
    assert np.load(path).shape == (181,)


def test_notes_alone_give_the_condition_of_what_they_are(reed: Path) -> None:
    """The reed's partials are known; so is the share of its breath, some 60 dB below."""
    table = tones(detect_notes(sorted(reed.glob("*.wav"))))
    assert table.pitches.tolist() == NOTES
    shares = REED / REED.sum()
    np.testing.assert_allclose(table.distributions[0, 0, : len(REED)], shares, atol=0.01)
    assert table.noise.sum(axis=-1).max() < 0.01
    vector = from_files(sorted(reed.glob("*.wav")))
    np.testing.assert_array_equal(vector, conditioner.condition(table))


def test_notes_need_no_plugin(reed: Path, registry: Registry) -> None:
    reference = {"reed": from_files(sorted(reed.glob("*.wav")))}
    separator = open_separator(["reed"], registry=registry, reference=reference)
    assert separator.asked == ("reed",)
    assert "reed" not in separator.trained
    assert open_separator(registry=registry, reference=reference).asked[-1] == "reed"
    with pytest.raises(UnknownNameError, match="reed"):
        open_separator(["reed"], registry=registry)


def test_notes_of_an_instrument_it_knows_meet_its_own_condition_halfway(
    reed: Path, registry: Registry
) -> None:
    vector = from_files(sorted(reed.glob("*.wav")))
    alias = registry.instruments(["violin"])[0].aliases[0]
    alone = SeparationOptions(transcriber=NO_TRANSCRIBER)  # which hears no violin in noise
    usual = open_separator(["violin"], registry=registry, options=alone)
    told = open_separator(
        ["violin", "flute"], registry=registry, options=alone, reference={alias: vector}
    )
    assert told.asked == ("violin", "flute")
    halfway = (usual.condition("violin") + vector) / 2
    np.testing.assert_allclose(told.condition("violin"), halfway, atol=1e-6)
    np.testing.assert_array_equal(told.condition("flute"), usual.condition("flute"))
    wave = np.random.default_rng(0).standard_normal((1, 8000)).astype(np.float32) / 20
    one, other = (s.separate(wave, 44_100, ["violin"])["violin"] for s in (usual, told))
    assert np.abs(one - other).max() > 1e-4
    # In joint masking, too, it is what its notes say: that moves what is left to the others.
    one, other = (s.separate(wave, 44_100, ["flute"])["flute"] for s in (usual, told))
    assert np.abs(one - other).max() > 0


def test_notes_too_short_to_measure_are_told(tmp_path: Path) -> None:
    files = written(tmp_path, [tone(note, 0.3) for note in NOTES])
    with pytest.raises(DataError, match="no note is held long enough"):
        from_files(files)


def test_an_evaluation_knows_its_notes(reed: Path, registry: Registry) -> None:
    reference = {"reed": from_files(sorted(reed.glob("*.wav")))}
    plan = Plan(instruments=("reed", "violin"), reference=reference)
    assert plan.open().names == ("reed", "violin")
    other = {"reed": from_files(sorted(reed.glob("*.wav"))[:4])}
    digests = [
        one.settings(one.open())["conditions"]
        for one in (plan, replace(plan), replace(plan, reference=other))
    ]
    assert digests[0] == digests[1] != digests[2], "a rerun does not go on with other notes"


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("violin", "no NAME=FILE"),
        ("violin=nowhere", "no such folder"),
        ("../up=NOTES", "is no name of an instrument"),
        ("all=NOTES", "is no name of an instrument"),
        ("drums=HITS", "no steady pitch"),
    ],
)
def test_notes_that_cannot_serve_are_told_in_a_line(
    reed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, says: str
) -> None:
    (hit,) = written(tmp_path / "hits", [hits()])
    song = tmp_path / "song.wav"
    soundfile.write(song, tone(60), RATE)
    option = option.replace("NOTES", str(reed)).replace("HITS", str(hit))
    arguments = ["separate", str(song), "-i", "violin", "--reference", option]
    assert cli.main([*arguments, "-o", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert says in " ".join(said.split())
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()


def test_separate_by_notes_alone(reed: Path, tmp_path: Path) -> None:
    song = tmp_path / "song.wav"
    soundfile.write(song, tone(60) + tone(64.0), RATE)
    arguments = ["separate", str(song), "-i", "reed", "--reference", f"reed={reed}"]
    assert cli.main([*arguments, "-o", str(tmp_path / "out")]) == 0
    wave, rate = soundfile.read(tmp_path / "out" / "song" / "reed.wav")
    assert rate == RATE
    assert len(wave) == len(tone(60))
    assert np.abs(wave).max() > 0
