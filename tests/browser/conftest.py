"""A page of headless Chromium; without playwright or Chromium, these tests are skipped."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

CHROMIUM = next(
    (
        path
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (path := shutil.which(name))
    ),
    None,
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with playwright.sync_playwright() as started:
        arguments = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        launched = started.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield launched
        launched.close()


TOLD = """document.addEventListener("securitypolicyviolation", (event) =>
    console.error(`the page's policy forbids ${event.violatedDirective}: ${event.blockedURI}`))"""
"""What a page's own content security policy forbids becomes an error on its console."""


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page that fails the test if a script fails, or its security policy forbids something."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_init_script(TOLD)
    opened = context.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on(
        "console",
        lambda message: problems.append(message.text[:300]) if message.type == "error" else None,
    )
    opened.problems = problems
    yield opened
    context.close()
    assert not problems
