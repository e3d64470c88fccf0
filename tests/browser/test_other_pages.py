"""The pages of ablations, scores and voices in a browser: whole, and within their own policy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pages import until

from timbresep import audio
from timbresep.ddsp.model import DdspModel
from timbresep.ddsp.resynthesis import Played, play
from timbresep.evaluation.ablation.run import Ablation, AblationRow
from timbresep.notes.alignment import Alignment
from timbresep.notes.score import Note, StemNotes
from timbresep.report.ablated import ablated_page
from timbresep.report.page import Grid, Page
from timbresep.report.scored import alignment_page, score_page
from timbresep.report.voiced import voice_page

VIOLIN = Path(__file__).parents[2] / "plugins" / "instruments" / "violin"
STEMS = [StemNotes("<b>tuba", "tuba", (Note(0.0, 0.5, 50.0), Note(0.5, 2.0, 52.0)))]


def ablated(folder: Path) -> Page:
    del folder
    rows = AblationRow("tuba", 2, 9.0, {"<b>harp": 3.0}, -1.0, 0.5, 12.0)
    return ablated_page(Ablation(("tuba", "<b>harp"), (rows,)), "<script>alert(1)</script>")


def scored(folder: Path) -> Page:
    del folder
    return score_page("<b>tune.mid", STEMS, Grid([("1", "<b>tuba")]), "1 part")


def aligned(folder: Path) -> Page:
    wave = 0.1 * np.random.default_rng(0).standard_normal((1, 3 * 22_050))
    audio.write(folder / "tune.wav", wave.astype(np.float32), 22_050)
    way = np.array([0.0, 2.0])
    sure = np.full(3, 0.9, np.float32)
    found = Alignment(way, way + 1, 0.0, 2.0, 3.0, sure, 0.95, 0.1)
    return alignment_page(folder / "tune.wav", found, STEMS, Grid([("found", "0:01")]))


def voiced(folder: Path) -> Page:
    del folder
    f0, loudness = torch.full((500,), 440.0), torch.full((500,), -10.0)
    sound = play(DdspModel.load(VIOLIN / "ddsp.safetensors"), f0, loudness)
    return voice_page(VIOLIN, Played(sound, sound, f0, loudness), "<b>a.wav")


@pytest.mark.parametrize("made", [ablated, scored, aligned, voiced])
def test_a_page_is_whole_on_screen_and_phone(made: Any, page: Any, tmp_path: Path) -> None:
    made(tmp_path).write(tmp_path / "page.html")
    page.goto((tmp_path / "page.html").as_uri())
    broken = "[...document.images].filter((image) => !image.naturalWidth).map((image) => image.alt)"
    assert page.evaluate("document.images.length") > 0
    assert page.evaluate(broken) == []
    assert page.locator("main b").count() == 0
    if page.locator(".mixer").count():
        page.get_by_role("button", name="Play", exact=True).click()
        until(page, "window.timbresepMixers[0].state().position > 0.2")
    page.set_viewport_size({"width": 360, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_what_the_policy_forbids_fails_a_test(page: Any, tmp_path: Path) -> None:
    scored(tmp_path).write(tmp_path / "page.html")
    page.goto((tmp_path / "page.html").as_uri())
    page.evaluate("document.body.append(Object.assign(new Image(), {src: '/elsewhere.png'}))")
    until(page, "document.images.length > 1")
    page.wait_for_timeout(200)
    assert any("policy" in problem for problem in page.problems)
    page.problems.clear()
