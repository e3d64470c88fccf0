"""A transcriber is trained, resumed, adapted and kept as every backbone is."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import cli
from timbresep import checkpoint
from timbresep.errors import CheckpointError, DataError, TrainingError
from timbresep.notes import midi
from timbresep.notes.midi import TRACK_NOTES
from timbresep.notes.score import Note, StemNotes
from timbresep.registry.registry import Registry
from timbresep.separation.load import open_separator
from timbresep.training.loop import TrainResult, fit
from timbresep.training.request import TrainRequest
from timbresep.training.run import TrainingRun
from timbresep.units import hz_to_midi
from tiny_runs import TINY, silent, write_tones
from tiny_runs import request as separator_request

HERTZ = {"bass": 110.0, "violin": 440.0, "flute": 1760.0}
KNOWN = ("bass", "flute")
SMALL = {"width": 12, "blocks": 1, "head": 8, "head_blocks": 1, "embedding": 8}


def noted(root: Path) -> Path:
    """Tracks of tones with their notes beside them: one lasts as long as the track does."""
    write_tones(root, HERTZ)
    for folder in root.iterdir():
        keys = {name: round(hz_to_midi(hz)) for name, hz in HERTZ.items()}
        stems = [StemNotes(name, name, (Note(0.0, 2.0, key),)) for name, key in keys.items()]
        midi.write(folder / TRACK_NOTES, stems)
    return root


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return noted(tmp_path_factory.mktemp("tones"))


@pytest.fixture(scope="module")
def trained(
    registry: Registry, tones: Path, tmp_path_factory: pytest.TempPathFactory
) -> TrainResult:
    """A transcriber that knows bass and flute."""
    out = tmp_path_factory.mktemp("runs") / "known"
    return fit(registry, request(tones, out, max_steps=60), silent)


def request(tones: Path, out: Path, **options: object) -> TrainRequest:
    given: dict[str, object] = {
        "instruments": KNOWN,
        "backbone": "note_net",
        "arguments": SMALL,
        "learning_rate": 2e-2,
        "mix": {"eq_share": 0.0, "reverb_share": 0.0, "pitch_share": 0.5},
    }
    return separator_request(tones, out, **{**given, **options})


def answers(registry: Registry, path: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    """What a checkpoint hears in a second of tones, bit for bit."""
    loaded = checkpoint.load(path, registry.backbone)
    time = torch.arange(22_050) / 22_050
    tones = sum(torch.sin(2 * torch.pi * hz * time) for hz in HERTZ.values())
    mixture = 0.1 * torch.as_tensor(tones).expand(1, 2, -1)
    network = loaded.model.eval()
    found = {}
    for name in names:
        vector = torch.from_numpy(loaded.addressed(loaded.conditions[name], name))
        with torch.no_grad():
            found[name] = network(mixture, vector[None, None]).numpy().tobytes()
    return found


def test_it_learns_who_plays_which_note(registry: Registry, trained: TrainResult) -> None:
    assert trained.answers == "notes"
    assert set(trained.scores) == set(KNOWN)
    for row in trained.scores.values():
        assert set(row) == {"frame_precision", "frame_recall", "frame_f"}
        assert row["frame_f"] > 0.8, trained.scores
    loaded = checkpoint.load(trained.best, registry.backbone)
    assert loaded.model.answers == "notes"
    assert loaded.metadata.scores["flute"] == trained.scores["flute"]
    assert loaded.metadata.backbone == "note_net"
    assert trained.notes == []


def test_validation_knows_what_is_not_found(
    registry: Registry, tones: Path, tmp_path: Path
) -> None:
    """A new network says that nothing sounds: precision, recall and F are 0."""
    scores = TrainingRun(request(tones, tmp_path).resolve(registry)).validate()
    nothing = {"frame_precision": 0.0, "frame_recall": 0.0, "frame_f": 0.0}
    assert scores == dict.fromkeys(KNOWN, nothing)


def test_a_resumed_run_is_the_uninterrupted_one_to_the_last_bit(
    registry: Registry, tones: Path, tmp_path: Path
) -> None:
    steps = {"max_steps": 6, "validate_every": 3}
    whole = fit(registry, request(tones, tmp_path / "whole", **steps), silent)

    class InterruptionError(Exception):
        pass

    def stop(share: float, text: str) -> None:
        if "frame F" in text and share < 1:
            raise InterruptionError

    with pytest.raises(InterruptionError):
        fit(registry, request(tones, tmp_path / "cut", **steps), stop)
    resumed = fit(registry, request(tones, tmp_path / "cut", **steps, resume=True), silent)
    assert resumed.scores == whole.scores
    one = checkpoint.load(whole.last, registry.backbone).model.state_dict()
    two = checkpoint.load(resumed.last, registry.backbone).model.state_dict()
    for name, tensor in one.items():
        assert torch.equal(two[name], tensor), name


def test_an_instrument_held_out_is_heard_by_its_condition(
    registry: Registry, tones: Path, tmp_path: Path
) -> None:
    everyone = ("bass", "flute", "violin")
    asked = request(tones, tmp_path, instruments=everyone, hold_out=("violin",), max_steps=2)
    metadata = checkpoint.read_metadata(fit(registry, asked, silent).last)
    assert (metadata.instruments, metadata.hold_out) == (["bass", "flute"], ["violin"])
    data = TrainingRun(request(tones, tmp_path / "run", **_held(everyone)).resolve(registry)).data
    batch = next(data.batches(0, 1))
    assert set(batch["instruments"].flatten().tolist()) <= {0, 1}, "never a target"


def _held(everyone: tuple[str, ...]) -> dict[str, object]:
    return {"instruments": everyone, "hold_out": ("violin",)}


@pytest.mark.parametrize("mode", ["onehot", "learned"])
def test_labels_tell_who_plays(registry: Registry, tones: Path, tmp_path: Path, mode: str) -> None:
    result = fit(registry, request(tones, tmp_path, conditioning=mode, max_steps=60), silent)
    assert all(row["frame_f"] > 0.8 for row in result.scores.values()), result.scores
    loaded = checkpoint.load(result.last, registry.backbone)
    assert loaded.model.answers == "notes"
    assert answers(registry, result.last, ("bass",)) != answers(registry, result.last, ("flute",))


def test_adapting_leaves_the_others_to_the_last_bit(
    registry: Registry, tones: Path, tmp_path: Path, trained: TrainResult
) -> None:
    asked = request(
        tones, tmp_path, instruments=("violin",), arguments={}, backbone=None, adapt=True,
        start_from=trained.last, learning_rate=0.05, max_steps=60,
    )  # fmt: skip
    before = TrainingRun(asked.resolve(registry)).validate()
    result = fit(registry, asked, silent)
    assert result.scores["violin"]["frame_f"] > before["violin"]["frame_f"] + 0.3
    assert answers(registry, result.last, KNOWN) == answers(registry, trained.last, KNOWN)
    metadata = checkpoint.read_metadata(result.last)
    assert (metadata.instruments, metadata.adapted) == ([*KNOWN, "violin"], ["violin"])


def test_a_run_goes_on_from_a_transcriber_and_from_no_separator(
    registry: Registry, tones: Path, tmp_path: Path, trained: TrainResult
) -> None:
    again = request(tones, tmp_path / "again", arguments={}, start_from=trained.last, max_steps=1)
    run = TrainingRun(again.resolve(registry))
    for name, tensor in checkpoint.load(trained.last, registry.backbone).model.state_dict().items():
        assert torch.equal(run.model.state_dict()[name], tensor), name
    separator = separator_request(tones, tmp_path / "separator", arguments=TINY, max_steps=1)
    start = fit(registry, separator, silent).last
    with pytest.raises(TrainingError, match="is a 'rnn_mask', not a 'note_net'"):
        fit(registry, request(tones, tmp_path / "other", start_from=start), silent)


def test_a_transcriber_separates_nothing(
    registry: Registry,
    trained: TrainResult,
    tones: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(CheckpointError, match=r"transcribes: .*notes, not audio"):
        open_separator(["bass"], checkpoint=trained.best, registry=registry)
    wave = str(tones / "track0" / "bass.wav")
    command = ["separate", wave, "-i", "bass", "--checkpoint", str(trained.best), "-o", "out"]
    assert cli.main([*command[:-1], str(tmp_path / "out")]) == 1
    told = " ".join(capsys.readouterr().err.split())
    assert "transcribes" in told
    assert "Traceback" not in told
    assert not (tmp_path / "out").exists()


def test_tracks_without_notes_are_left_out(
    registry: Registry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tones = noted(tmp_path / "tones")
    (tones / "track1" / TRACK_NOTES).unlink()
    run = TrainingRun(request(tones, tmp_path / "run").resolve(registry))
    assert [track.name for track in run.data.train] == ["track0"]
    assert "1 of 3 tracks are left out: their notes are not known" in caplog.text
    separator = separator_request(tones, tmp_path / "separator").resolve(registry)
    assert len(TrainingRun(separator).data.train) == 2, "a separator needs no notes"


def test_without_notes_there_is_nothing_to_train_on(registry: Registry, tmp_path: Path) -> None:
    tones = write_tones(tmp_path / "tones", HERTZ)
    with pytest.raises(DataError, match=r"none of 3 tracks has the notes of its stems"):
        fit(registry, request(tones, tmp_path / "run"), silent)
    assert not (tmp_path / "run").exists()


def test_notes_that_cannot_be_read_are_one_line(registry: Registry, tmp_path: Path) -> None:
    tones = noted(tmp_path / "tones")
    (tones / "track0" / TRACK_NOTES).write_bytes(b"MThd")
    with pytest.raises(DataError, match=r"notes\.mid cannot be read as a score"):
        fit(registry, request(tones, tmp_path / "run"), silent)


def test_the_command_line_trains_a_transcriber(
    tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = [f"--set={name}={value}" for name, value in SMALL.items()]
    command = ["train", "-p", "bass,flute", "--backbone", "note_net", *sizes]
    short = ["--max-steps", "2", "--batch-size", "2", "--seconds", "0.5", "--workers", "0"]
    data = ["--data", f"tones={tones}", "--device", "cpu", "--out", str(tmp_path / "run")]
    assert cli.main([*command, *short, *data]) == 0
    shown = capsys.readouterr().out
    for word in ("Validation, frames of pitches", "precision", "recall", "bass", "notes song.wav"):
        assert word in shown


def test_frames_are_counted_over_all_mixtures() -> None:
    """Of three frames that sound it finds two, and one that does not sound."""
    from timbresep.training.group import Group
    from timbresep.training.validation import Validation

    class Hears(torch.nn.Module):
        answers = "notes"

        def forward(self, mixture: torch.Tensor, conditions: torch.Tensor) -> torch.Tensor:
            return mixture

    said, true = torch.zeros(2, 2, 2, 2, 3), torch.zeros(2, 2, 2, 2, 3)
    true[0, 0, 0, 0] = 1.0
    said[0, 0, 0, 0] = torch.tensor([0.9, 0.5, 0.4])
    said[1, 0, 0, 1, 0] = 0.9
    said[0, 0, 1] = 0.9  # onsets do not count
    batch = {
        "mixture": said,
        "conditions": torch.zeros(2, 2, 1),
        "notes": true,
        "instruments": torch.tensor([[0, 1], [0, 1]]),
    }
    scorer = Validation(["one", "absent"], torch.device("cpu"), torch.no_grad, Group())
    row = scorer.scores(Hears(), [batch])
    two_thirds = pytest.approx(2 / 3)
    assert row == {
        "one": {
            "frame_precision": two_thirds,
            "frame_recall": two_thirds,
            "frame_f": two_thirds,
        }
    }
