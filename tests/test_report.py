"""Pages: nothing in them can become markup, nothing comes from elsewhere, no file is lost."""

from __future__ import annotations

import hashlib
import json
import re
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from fakes import PLAIN, RATE, GainBackbone, loaded
from timbresep import audio
from timbresep.errors import OutputExistsError
from timbresep.report.page import ASSETS, Grid, Page, Section, Track, policy
from timbresep.report.separated import Origin, separated_figures, sounds_of, write_page
from timbresep.report.sound import BANDS, COLUMNS, sound
from timbresep.separation.one_file import separate_file
from timbresep.separation.output import Output
from timbresep.separation.separator import Separator

HOSTILE = '</script><script>alert(1)</script><img src=x onerror="alert(2)">'


def test_names_never_become_markup() -> None:
    track = Track(HOSTILE, "data:audio/mpeg;base64,", [0.0], 1.0, notes=[(0.0, 1.0, 60.0, 80)])
    table = Grid([(HOSTILE, HOSTILE)], (HOSTILE, HOSTILE), HOSTILE)
    html = Page(HOSTILE, HOSTILE, [Section(HOSTILE, [HOSTILE], [track], [table])]).html()
    assert "<img src=x" not in html
    assert "alert(1)</script>" not in html
    data = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', html, re.DOTALL)
    assert data is not None
    assert json.loads(data[1])[0]["name"] == HOSTILE


def test_nothing_comes_from_elsewhere() -> None:
    html = Page("a", "b", [Section("c", tracks=[Track("a", "", [0.0], 1.0)])]).html()
    own = unescape(re.sub(r"<script>.*?</script>", "", html, flags=re.DOTALL))
    assert not re.findall(r'(?:src|href)="(?!data:)', own)
    assert "default-src 'none'" in own
    for script in re.findall(r"<script>(.*?)</script>", html, re.DOTALL):
        assert policy([script]).split("'sha256-")[1].split("'")[0] in own


def test_a_page_without_players_has_no_script() -> None:
    html = Page("a", "b", [Section("c", tables=[Grid([("1", "2")])])]).html()
    assert "<script" not in html


def test_the_player_is_the_one_whose_licence_is_beside_it() -> None:
    wavesurfer = (ASSETS / "wavesurfer.min.js").read_bytes()
    assert hashlib.sha256(wavesurfer).hexdigest() == (
        "d916e98ceb53ebf0403f907e8f81425ce100b937021fcfa5cac66f728ec2ec1c"
    )
    assert "BSD 3-Clause" in (ASSETS / "wavesurfer-LICENSE.txt").read_text()


def test_pictures_show_where_and_what_sounds(tmp_path: Path) -> None:
    time = np.arange(2 * 44_100) / 44_100
    wave = np.where(time < 1, 0.0, 0.5 * np.sin(2 * np.pi * 1000 * time))[None]
    audio.write(tmp_path / "a.wav", wave.astype(np.float32), 44_100)
    found = sound("a", tmp_path / "a.wav")
    assert found.peaks.shape == (COLUMNS,)
    assert found.mel.shape == (BANDS, COLUMNS)
    assert not found.peaks[: COLUMNS // 2 - 2].any()
    assert found.peaks[-1] == pytest.approx(0.5, abs=0.01)
    edges = np.linspace(*(2595 * np.log10(1 + hz / 700) for hz in (40.0, 16_000.0)), BANDS + 2)
    loudest = edges[1 + found.mel.sum(axis=1).argmax()]
    assert 700 * (10 ** (loudest / 2595) - 1) == pytest.approx(1000, rel=0.05)


def test_only_pages_of_ours_are_replaced(tmp_path: Path) -> None:
    page = Page("a", "b")
    page.write(tmp_path / "a.html")
    page.write(tmp_path / "a.html")
    (tmp_path / "a.html").write_text("<p>mine</p>")
    with pytest.raises(OutputExistsError):
        page.write(tmp_path / "a.html")
    assert (tmp_path / "a.html").read_text() == "<p>mine</p>"


@pytest.mark.parametrize("rate", [RATE, 44_100])
def test_a_report_has_all_tracks_and_who_plays(rate: int, tmp_path: Path) -> None:
    separator = Separator(loaded(GainBackbone(3), loud=1.0, faint=0.01), options=PLAIN)
    wave = (0.1 * np.random.default_rng(0).standard_normal((2, 2 * rate))).astype(np.float32)
    name = "<b>song.wav"
    audio.write(tmp_path / name, wave, rate)
    output = Output(tmp_path, listen=True)
    done = separate_file(separator, tmp_path / name, ["loud", "faint"], tmp_path / "out", output)
    html = write_page(done, Origin("a network", {"tta": "3"}, {"weights": "MIT"})).read_text()
    data = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', html, re.DOTALL)
    assert data is not None
    tracks = json.loads(data[1])
    assert [track["name"] for track in tracks] == ["mixture", "loud", "faint"]
    assert [track["muted"] for track in tracks] == [True, False, False]
    assert all(track["duration"] == pytest.approx(2) for track in tracks)
    assert "seems absent" in html
    figures = separated_figures(done, sounds_of(done))
    assert [each.name for each in figures] == ["waveforms", "spectrograms"]  # nobody listened
    assert "mixture, loud, faint" in figures[0].alt
    assert "&lt;b&gt;song.wav" in html
