"""The pages of ablations, scores and voices: they hold what was found, and figures are files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import cli
from timbresep import audio
from timbresep.ddsp.features import SAMPLE_RATE
from timbresep.ddsp.model import DdspModel
from timbresep.ddsp.resynthesis import Likeness, Played, play
from timbresep.errors import OutputExistsError
from timbresep.evaluation.ablation.run import Ablation, AblationRow, Measure
from timbresep.figure import blank, png_of
from timbresep.notes import midi
from timbresep.notes.alignment import Alignment
from timbresep.notes.score import Note, StemNotes
from timbresep.report.ablated import Loss, ablated_page
from timbresep.report.drawings import LANES, note_roll
from timbresep.report.figures import is_ours, write_figures
from timbresep.report.page import Grid, Page, Picture, Section
from timbresep.report.scored import alignment_page, score_page
from timbresep.report.sound import LONGEST_S, longest
from timbresep.report.tones import RATE, tones
from timbresep.report.voiced import voice_page

ROOT = Path(__file__).resolve().parents[1]
VIOLIN = ROOT / "plugins" / "instruments" / "violin"
HOSTILE = "<i>$\\frac{$"
"""Neither markup nor a formula."""


def cells(page: Page, title: str) -> dict[str, list[str]]:
    """The rows of a section's table, by their first cell."""
    section = next(each for each in page.sections if each.title == title)
    return {row[0]: list(row[1:]) for row in section.tables[0].rows}


def tracks(html: str) -> list[dict[str, Any]]:
    data = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', html, re.DOTALL)
    assert data is not None
    found: list[dict[str, Any]] = json.loads(data[1])
    return found


@pytest.fixture
def ablation() -> Ablation:
    return Ablation(
        ("tuba", HOSTILE),
        (
            AblationRow("tuba", 2, 9.0, {HOSTILE: 3.0}, -1.0, 0.5, 12.0),
            AblationRow(HOSTILE, 1, 4.0, {"tuba": -2.0}, 1.0, 1.5, 11.0),
        ),
    )


def test_an_ablation_says_what_each_wrong_condition_costs(ablation: Ablation) -> None:
    page = ablated_page(ablation, "a network on tracks")
    costs = cells(page, "What a wrong condition costs")
    assert costs["tuba"] == ["2", "9.0", "6.0", "10.0", "8.5", HOSTILE]
    assert cells(page, "Every condition")["tuba"] == ["9.0", "3.0", "-1.0", "0.5", "12.0"]
    assert [each.name for each in page.pictures] == ["losses", "conditions"]
    html = page.html()
    assert "<i>" not in html
    assert "&lt;i&gt;" in html
    assert "a loss of" in html


def test_the_nearest_condition_is_the_one_that_costs_least() -> None:
    row = AblationRow("a", 1, 5.0, {"b": 1.0, "c": 4.0}, 0.0, 0.0)
    assert Loss.of(row).nearest == "c"
    assert Loss.of(row).mean == pytest.approx(2.5)
    alone = Loss.of(AblationRow("a", 1, 5.0, {}, 0.0, 0.0))
    assert (alone.nearest, alone.mean) == ("", None)


def test_an_ablation_of_notes_has_no_oracle() -> None:
    row = AblationRow("a", 1, 0.9, {"b": 0.1}, 0.2, 0.3)
    page = ablated_page(Ablation(("a", "b"), (row,), Measure("F-measure")), "notes")
    assert cells(page, "Every condition")["a"][-1] == "–"
    assert cells(page, "What a wrong condition costs")["a"][2] == "0.80"


def test_figures_are_files_and_none_is_lost(tmp_path: Path) -> None:
    figure = blank(2, 1)
    figure.subplots().set_title(HOSTILE)
    pictures = [Picture("one", png_of(figure), "a title")]
    (path,) = write_figures(pictures, tmp_path / "new" / "figures", overwrite=False)
    assert Image.open(path).size == (240, 120)
    assert is_ours(path)
    with pytest.raises(OutputExistsError, match="holds pictures"):
        write_figures(pictures, path.parent, overwrite=False)
    assert write_figures(pictures, path.parent, overwrite=True) == [path]
    with pytest.raises(OutputExistsError, match="is a file"):
        write_figures(pictures, path, overwrite=True)
    Image.new("RGB", (2, 2)).save(tmp_path / "mine.png")
    assert not is_ours(tmp_path / "mine.png")


@pytest.fixture
def stems() -> list[StemNotes]:
    melody = tuple(Note(0.5 * k, 0.5 * k + 0.4, 60.0 + k) for k in range(4))
    return [
        StemNotes("tuba", "tuba", melody),
        StemNotes(HOSTILE, "drums", (Note(0.0, 0.1, 38.0), Note(1.0, 1.1, 38.0)), pitched=False),
    ]


def test_a_score_is_a_table_and_a_note_roll(stems: list[StemNotes]) -> None:
    page = score_page(HOSTILE, stems, Grid([("1", "tuba")]), "2 parts", ["assumed: 120"])
    assert [each.name for each in page.pictures] == ["notes"]
    assert "assumed: 120" in page.html()
    assert "<i>" not in page.html()


def test_a_note_roll_of_many_parts_has_one_lane(stems: list[StemNotes]) -> None:
    def height(parts: int) -> int:
        import io

        return Image.open(io.BytesIO(note_roll(stems[:1] * parts, 2.0).png)).size[1]

    assert height(8) > height(2)
    assert height(LANES + 1) < height(8)
    assert note_roll([], 0.0).png


def test_tones_sound_where_the_notes_are(stems: list[StemNotes]) -> None:
    wave = tones(stems[0], 2.0)[0]
    assert len(wave) == 2 * RATE
    second = wave[round(0.5 * RATE) : round(0.9 * RATE)]
    spectrum = np.abs(np.fft.rfft(second * np.hanning(len(second))))
    assert spectrum.argmax() / 0.4 == pytest.approx(277.2, abs=3)  # MIDI number 61
    assert not wave[round(0.42 * RATE) : round(0.49 * RATE)].any()
    clicks = tones(stems[1], 1.5)[0]
    assert np.abs(clicks[RATE : RATE + 1000]).max() > 0.05
    assert not tones(stems[0], 0.4)[0, -1:].any()


def test_a_score_in_a_recording_plays_beside_it(stems: list[StemNotes], tmp_path: Path) -> None:
    wave = 0.1 * np.random.default_rng(0).standard_normal((1, 3 * 22_050))
    audio.write(tmp_path / "tune.wav", wave.astype(np.float32), 22_050)
    way = np.array([0.0, 2.0])
    sure = np.full(3, 0.9, np.float32)
    found = Alignment(way, way + 1, 0.0, 2.0, 3.0, sure, 0.95, 0.1)
    page = alignment_page(tmp_path / "tune.wav", found, stems, Grid([("found", "0:01")]))
    heard = tracks(page.html())
    assert [each["name"] for each in heard] == ["recording", "tuba", HOSTILE]
    assert [each["muted"] for each in heard] == [False, True, True]
    assert heard[1]["notes"][0][:2] == [1.0, 1.4]  # in the recording's time
    assert len(heard[0]["notes"]) == 6
    assert [each.name for each in page.pictures] == ["alignment", "notes"]


def test_a_voice_plays_beside_the_recording() -> None:
    model = DdspModel.load(VIOLIN / "ddsp.safetensors")
    f0 = torch.full((500,), 440.0)
    loudness = torch.full((500,), -10.0)
    loudness[400:] = -80
    sound = play(model, f0, loudness)
    likeness = Likeness(5.0, None, 1.5, 46.0)
    page = voice_page(VIOLIN, Played(sound, sound, f0, loudness), "a.wav", likeness)
    assert [each["name"] for each in tracks(page.html())] == ["recording", "voice"]
    told = cells(page, "Pitch and loudness")
    assert float(told["pitch, median error"][0].split()[0]) < 20
    assert told["all that was held out"] == ["46 s"]
    assert "its pitch, median error" not in told
    names = ["waveforms", "spectrograms", "pitch-and-loudness", "harmonics", "condition"]
    assert [each.name for each in page.pictures] == names
    assert cells(page, "Voice")["licence of the weights"] == ["MIT"]


def test_a_voice_without_a_condition_says_so(tmp_path: Path) -> None:
    for name in ("instrument.yaml", "ddsp.safetensors"):
        (tmp_path / name).write_bytes((VIOLIN / name).read_bytes())
    silence = torch.zeros(SAMPLE_RATE)
    played = Played(silence, silence, torch.zeros(250), torch.full((250,), -80.0))
    page = voice_page(tmp_path, played, "silence")
    assert "condition build" in page.html()
    assert "condition" not in [each.name for each in page.pictures]


def test_score_show_writes_page_and_figures_and_replaces_none(
    stems: list[StemNotes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    midi.write(tmp_path / "tune.mid", stems[:1])
    report, figures = tmp_path / "score.html", tmp_path / "figures"
    command = ["score", "show", str(tmp_path / "tune.mid"), "--report", str(report)]
    assert cli.main([*command, "--figures", str(figures)]) == 0
    assert "tuba" in report.read_text()
    assert [path.name for path in figures.iterdir()] == ["notes.png"]
    capsys.readouterr()
    assert cli.main(command) == 1
    assert "score.html exists" in capsys.readouterr().err
    assert cli.main([*command[:-2], "--figures", str(figures)]) == 1
    assert "holds pictures" in capsys.readouterr().err
    assert cli.main([*command[:-1], str(tmp_path / "none" / "a.html")]) == 1
    assert "make the folder first" in capsys.readouterr().err


def test_many_tracks_get_less_time_each() -> None:
    assert longest(3) == LONGEST_S
    assert longest(12) == 300


def test_a_page_without_players_does_not_name_theirs() -> None:
    html = Page("a", "b", [Section("c", tables=[Grid([("1", "2")])])]).html()
    assert "wavesurfer" not in html
