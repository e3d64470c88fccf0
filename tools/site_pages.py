"""Gather the pages of the documentation site; `make site` then builds them.

    python tools/site_pages.py [--out build/pages]

Pages keep their places, so that links between them, from docs/ to the model cards and to the code,
lead where they lead in the repository. Each plugin gets a page: its card, pictures and manifest.
Modules whose docstrings are shown are listed in `API`. Formulas become MathML, which browsers draw.
Reports are made of the bundled demo (`tools/site_reports.py`), which takes most of the time.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from latex2mathml.converter import convert

from site_reports import REPORTS, Make, linked, make

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "build" / "pages"
FOLDERS = ("docs", "research", "separators", "plugins", "data/starter", "examples")
KINDS = (".md", ".png", ".svg")
API = (
    *("audio", "separation.load", "separation.separator", "separation.options"),
    *("registry.registry", "condition.reference", "transcription.load", "voice.few_notes"),
    *("evaluation.run", "evaluation.plan", "evaluation.result", "evaluation.estimates"),
    *("evaluation.significance", "metrics", "errors"),
)
PARTS = {"instruments": "instrument.yaml", "backbones": "", "source_models": ""}
"""Kinds of plugins, by their folders, and the name of their manifests."""
LINK = re.compile(r"\]\(([^)\s#]+)(#[^)\s]*)?\)")
CODE = re.compile(r"(^```.*?^```|^ {4}.*?$|`[^`]+`)", re.MULTILINE | re.DOTALL)
FORMULA = re.compile(r"\$([^$\n]+)\$")


def gather(out: Path, make: Make = make) -> None:
    """Write the pages, what they link to, and the settings of the site, `out/mkdocs.yml`.

    Args:
        out: the folder for all of it; replaced.
        make: what makes the reports.
    """
    pages = out / "pages"
    shutil.rmtree(out, ignore_errors=True)
    names = [*ROOT.glob("*.md"), *(p for f in FOLDERS for p in (ROOT / f).rglob("*"))]
    for path in names:
        if path.suffix in KINDS:
            _copy(path, pages)
    plugins = {part: list(_plugins(pages, part)) for part in PARTS}
    _write(pages / "docs" / "api.md", "# API\n\n" + "\n".join(f"::: timbresep.{m}\n" for m in API))
    for page in pages.rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        for target, _ in LINK.findall(text):
            source = (ROOT / page.relative_to(pages)).parent / target
            if source.is_file() and not (page.parent / target).exists():
                _copy(source.resolve(), pages)
        text = linked(text, page.relative_to(pages))
        page.write_text(_formulas(text), encoding="utf-8")
    for report in REPORTS:
        make(report, pages / report.page)
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    for entry in settings["nav"]:
        if "Plugins" in entry:
            entry["Plugins"] = [
                {part.replace("_", " ").capitalize(): those} for part, those in plugins.items()
            ]
    settings |= {"docs_dir": "pages", "site_dir": "site"}
    handler = settings["plugins"][1]["mkdocstrings"]["handlers"]["python"]
    handler["paths"] = [str(ROOT / "core")]
    _write(out / "mkdocs.yml", yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))


def _plugins(pages: Path, part: str) -> Iterator[dict[str, str]]:
    """Write the page of each plugin of a kind; gives their places in the navigation."""
    for folder in sorted((ROOT / "plugins" / part).iterdir()):
        if not (folder / "__init__.py").is_file() and not (folder / "instrument.yaml").is_file():
            continue
        place = folder.relative_to(ROOT) / "README.md"
        card = pages / place
        text = card.read_text(encoding="utf-8") if card.is_file() else _from_code(folder)
        if manifest := PARTS[part]:
            for name in (manifest, "recipe.yaml"):
                if (folder / name).is_file():
                    about = (folder / name).read_text(encoding="utf-8").strip()
                    text += f"\n## {name}\n\n```yaml\n{about}\n```\n"
        _write(card, text)
        yield {folder.name: str(place)}


def _from_code(folder: Path) -> str:
    """A page from what a plugin's module says of itself."""
    import ast

    said = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))
    guide = ROOT / "docs" / "guides" / f"{folder.name}.md"
    link = f"\n[Guide](../../../docs/guides/{guide.name})\n" if guide.is_file() else ""
    return f"# {folder.name}\n\n{said or ''}\n{link}"


def _formulas(text: str) -> str:
    """Formulas between dollars as MathML; what is code stays."""
    parts: list[Any] = CODE.split(text)
    for place in range(0, len(parts), 2):
        parts[place] = FORMULA.sub(lambda found: _mathml(found[1]), parts[place])
    return "".join(parts)


def _mathml(formula: str) -> str:
    """A formula, whose bars keep their height: browsers would stretch each by itself."""
    return re.sub("<mo>(&#x0(?:2016|007C);)", r'<mo stretchy="false">\1', convert(formula))


def _copy(path: Path, pages: Path) -> None:
    target = pages / path.relative_to(ROOT)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def main() -> int:
    """Gather the pages into the folder that is given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT)
    gather(parser.parse_args().out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
