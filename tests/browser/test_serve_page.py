"""The page of `serve` in a browser, end to end: from a file to stems that play."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile
from pages import until

from timbresep import audio

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "data" / "starter" / "demo" / "mixture.flac"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of its own."""
    folder = tmp_path_factory.mktemp("serve")
    with subprocess.Popen(
        [sys.executable, str(ROOT / "cli.py"), "serve", "--port", "0", "--max-minutes", "1"],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"},
    ) as server:
        assert server.stdout is not None
        said = server.stdout.readline()
        found = re.search(r"http://localhost:\d+/", said)
        assert found, said
        yield found[0]
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=40) in (0, 130)


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("song") / "my <b>song.flac"
    wave, rate = audio.read(DEMO)
    soundfile.write(path, wave[:, : 3 * rate].T, rate)
    return path


def choose(page: Any, address: str, file: Path) -> None:
    """Open the page and choose a file, and two instruments of a quick separator."""
    page.goto(address)
    page.get_by_role("checkbox", name="violin").wait_for()
    page.set_input_files("#file", file)
    page.select_option("#separator", "universal")
    page.select_option("#quality", "fast")
    page.get_by_role("checkbox", name="violin").check()
    page.get_by_role("checkbox", name="flute").check()


def finished(page: Any) -> None:
    page.locator("#result").wait_for(state="visible", timeout=120_000)


def test_from_a_file_to_stems_that_play(page: Any, address: str, song: Path) -> None:
    choose(page, address, song)
    page.get_by_role("button", name="Separate", exact=True).click()
    finished(page)
    assert page.locator("#result-title").text_content() == song.name
    names = page.locator(".track .name").all_text_contents()
    assert names == ["mixture", "flute", "violin", "residual"]
    page.get_by_role("button", name="Play", exact=True).click()
    until(page, "window.timbresepMixers[0].state().position > 0.2")
    page.get_by_role("button", name="Solo violin").click()
    assert page.evaluate("window.timbresepMixers[0].state().gains") == [0, 0, 1, 0]
    with page.expect_download() as waiting:
        page.get_by_role("link", name="violin").click()
    stem, _ = soundfile.read(waiting.value.path())
    assert len(stem) == soundfile.info(song).frames
    with page.expect_download() as waiting:
        page.get_by_role("link", name="all (zip)").click()
    data = io.BytesIO(Path(waiting.value.path()).read_bytes())
    assert len(zipfile.ZipFile(data).namelist()) == 3
    page.reload()  # the address holds the job
    finished(page)


def test_a_bad_file_is_told_and_the_form_stays(page: Any, address: str, tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_text("this is no audio")
    choose(page, address, tmp_path / "bad.wav")
    page.get_by_role("button", name="Separate", exact=True).click()
    page.locator("#told.error").wait_for()
    assert "bad.wav" in page.locator("#told").text_content()
    assert page.locator("#form").is_visible()


def test_without_a_file_nothing_is_sent(page: Any, address: str) -> None:
    page.goto(address)
    page.get_by_role("button", name="Separate", exact=True).click()
    assert "Choose a recording" in page.locator("#told").text_content()


def test_a_job_can_be_cancelled(page: Any, address: str, tmp_path: Path) -> None:
    wave, rate = audio.read(DEMO)
    soundfile.write(tmp_path / "long.flac", [*wave.T, *wave.T], rate)
    choose(page, address, tmp_path / "long.flac")
    page.select_option("#quality", "best")
    page.get_by_role("button", name="Separate", exact=True).click()
    page.get_by_role("button", name="Cancel").click()
    page.locator("#progress").wait_for(state="hidden")
    assert page.locator("#told").text_content() == "Cancelled."
    assert page.locator("#form").is_visible()


def test_two_users_do_not_see_each_other(browser: Any, address: str, song: Path) -> None:
    contexts = [browser.new_context() for _ in range(2)]
    pages = [context.new_page() for context in contexts]
    for page in pages:
        choose(page, address, song)
        page.get_by_role("button", name="Separate", exact=True).click()
    for page in pages:
        finished(page)
    ids = [page.evaluate("location.hash") for page in pages]
    assert ids[0] != ids[1]
    assert all(len(name) > 30 for name in ids)
    for context in contexts:
        context.close()


def test_the_keyboard_is_enough(page: Any, address: str, song: Path) -> None:
    choose(page, address, song)
    page.locator("#start").focus()
    page.keyboard.press("Enter")
    finished(page)
    page.keyboard.press(" ")
    until(page, "window.timbresepMixers[0].state().playing")
    page.keyboard.press("2")
    assert page.evaluate("window.timbresepMixers[0].state().gains") == [0, 1, 0, 0]


@pytest.mark.parametrize("width", [360, 390])
def test_it_fits_a_phone(width: int, page: Any, address: str, song: Path) -> None:
    page.set_viewport_size({"width": width, "height": 740})
    choose(page, address, song)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="Separate", exact=True).click()
    finished(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
