"""Plugins from strangers: no name leads elsewhere, nothing runs, and no screen obeys their text."""

from __future__ import annotations

import html
import io
import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import cli
from timbresep.errors import PluginError
from timbresep.formats.file_name import is_plain
from timbresep.formats.text import shown_lines
from timbresep.instrument import Instrument
from timbresep.instrument_name import plain
from timbresep.registry.registry import Registry
from timbresep.report.page import Grid, Page, Section, Track
from timbresep.server.offer import picture_of

ELSEWHERE = [
    *("../flute/condition.npy", "a/../../x.npy", "/etc/hostname", "./../x", "..", "."),
    *("..\\..\\x.npy", "C:\\x.npy", "C:x.npy", "\\\\server\\share\\x", "x:stream", "//server/x"),
    *("con", "NUL.npy", "aux.safetensors", "COM1.yaml", "lpt9 .npy", "CONIN$:", "prn/x.npy"),
    *("condition.npy.", "condition.npy ", " condition.npy", "...", "a./b", "x*.npy", "x?"),
    *("\uff0e\uff0e/x", "\u2024\u2024/x", "condition\u200b.npy", "x\x1b[2J", "x\ny", "x\0y", ""),
    *("\uff43ondition.npy", "x\u202eypn.", "x" * 300, "~no-such-user/x", "x|y", 'x"y', "x<y"),
]
NAMES = [
    *("flute\n", "Flute", "fl\u00fcte", "flut\u0435", "\uff46lute", "fl ute", " flute", "flute."),
    *(
        "con",
        "nul",
        "prn",
        "aux",
        "com1",
        "lpt9",
        "all",
        "residual",
        "a/b",
        "..",
        "",
        "-i",
        "--help",
    ),
    *("x" * 49, "1flute", "_flute", "fl\u200bute", "flute\x1b[2J", "\u202eetulf"),
]
ESCAPES = (
    "\x1b[2J\x1b]0;title\x07\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\\x9b31m\x90q\x9c"
    "\u202eright\u2066\u200b\ufeff\U000e0041\r\b\x7f"
)
OBEYED = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\U000e0041]"
)


@pytest.fixture
def oboe(tmp_path: Path, root: Path) -> Path:
    """A folder of data alone, below a folder of plugins."""
    folder = tmp_path / "plugins" / "oboe"
    shutil.copytree(root / "plugins/instruments/flute", folder)
    change(folder, name="oboe", aliases=[])
    return folder


def change(folder: Path, **keys: object) -> None:
    described = folder / "instrument.yaml"
    described.write_text(yaml.safe_dump({**yaml.safe_load(described.read_text()), **keys}))


def broken(folder: Path) -> str:
    """Why the one plugin in a folder cannot be used."""
    (row,) = [row for row in Registry.load([folder.parent]).rows() if row.status == "broken"]
    return row.detail


@pytest.mark.parametrize("name", ELSEWHERE, ids=ascii)
def test_no_file_of_a_plugin_is_named_elsewhere(name: str, oboe: Path) -> None:
    for keys in ({"ddsp": {"file": name}}, {"condition": {"file": name}}, {"recipe": name}):
        change(oboe, **{"ddsp": {}, "condition": {}, "recipe": "recipe.yaml", **keys})
        assert broken(oboe)
        with pytest.raises(Exception, match=r"instrument\.yaml"):
            Instrument.from_folder(oboe, "x")


def test_usual_names_are_usual() -> None:
    for name in ("condition.npy", "ddsp v2.safetensors", ".hidden", "première.npy", "a-b_c.1.npy"):
        assert is_plain(name), name


FILES = ("instrument.yaml", "ddsp.safetensors", "condition.npy", "condition.json", "recipe.yaml")


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("way", ["file", "folder", "circle"])
def test_no_link_leads_out_of_a_plugin(file: str, way: str, oboe: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (oboe / file).rename(secret / file)
    (oboe / file).symlink_to({"file": secret / file, "folder": secret, "circle": oboe / file}[way])
    assert broken(oboe)
    with pytest.raises(PluginError):
        Instrument.from_folder(oboe, "x")


def test_a_linked_folder_is_a_plugin_like_any_other(oboe: Path, tmp_path: Path) -> None:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    (shelf / "oboe").symlink_to(oboe)
    assert Registry.load([shelf]).instruments(["oboe"])[0].condition().size


def test_a_picture_of_a_plugin_is_no_other_file_of_this_machine(oboe: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (oboe / "resynthesis.png").unlink(missing_ok=True)
    (oboe / "resynthesis.png").symlink_to(tmp_path / "secret")
    with pytest.raises(Exception, match="no picture"):
        picture_of(Registry.load([oboe.parent]), "oboe")


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_names_that_look_or_act_like_others_are_refused(name: str, oboe: Path) -> None:
    change(oboe, name=name)
    assert "name" in broken(oboe)


@pytest.mark.parametrize(
    "alias",
    ["v\u0456olin", "vi\u03bflin", "vio\u200blin", "violin\u202e", "all", "con", "a\x1b[2J"],
)
def test_aliases_that_look_like_others_are_refused(alias: str, oboe: Path) -> None:
    change(oboe, aliases=[alias])
    assert "aliases" in broken(oboe)


def test_aliases_of_any_language_are_names(oboe: Path) -> None:
    change(oboe, aliases=["Гобой", "όμποε", "双簧管", "hautbois d'amour", "\uff2fboe 2"])
    registry = Registry.load([oboe.parent])
    for name in ("гобой", "ΌΜΠΟΕ", "双簧管", "Hautbois d'Amour", "oboe 2"):
        assert registry.instruments([name])[0].name == "oboe"
    assert plain("\uff36iolin") == "violin"


def test_a_twin_in_other_letters_is_told(oboe: Path) -> None:
    shutil.copytree(oboe, oboe.with_name("OBOE"))
    rows = [row for row in Registry.load([oboe.parent]).rows() if row.status == "broken"]
    assert len(rows) == 2
    assert all("defined twice" in row.detail for row in rows)


LARGE = {"condition.npy": 2 << 20, "ddsp.safetensors": 1 << 29, "instrument.yaml": 1 << 33}
LARGE |= {"condition.json": 1 << 33, "recipe.yaml": 1 << 33}


@pytest.mark.parametrize("file", LARGE)
def test_a_file_of_a_plugin_that_is_too_large_is_not_read(
    file: str, oboe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.truncate(oboe / file, LARGE[file])  # holes: they need no disk

    def unread(real: Callable[..., object]) -> Callable[..., object]:
        def read(path: Path, **how: str) -> object:
            assert path != oboe / file, "it was read"
            return real(path, **how)

        return read

    for reader in ("read_bytes", "read_text"):
        monkeypatch.setattr(Path, reader, unread(getattr(Path, reader)))
    assert "too large" in broken(oboe)


def test_a_pipe_in_place_of_a_file_is_not_waited_for(oboe: Path) -> None:
    for file in FILES:
        kept = (oboe / file).read_bytes()
        (oboe / file).unlink()
        os.mkfifo(oboe / file)
        assert broken(oboe)
        (oboe / file).unlink()
        (oboe / file).write_bytes(kept)


RUN = "from pathlib import Path\nPath(r'{}').write_text('x')\n"
PYTHON = ("__init__.py", "conftest.py", "setup.py", "oboe.py", "torch.py", "sitecustomize.py")
PYTHON += ("x.pth",)


@pytest.mark.parametrize("what", [["list"], ["check", "oboe"], ["list", "--json"]])
def test_no_python_of_a_plugin_runs_untrusted(
    what: list[str], oboe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = tmp_path / "ran"
    for name in PYTHON:
        (oboe / name).write_text(RUN.format(ran))
        (oboe.parent / name).write_text(RUN.format(ran))
    (oboe / "instrument.yaml").write_text(
        (oboe / "instrument.yaml").read_text().replace("name: oboe", "name: !!str oboe")
    )
    modules = set(sys.modules)
    cli.main([*what, "--plugins-dir", str(oboe.parent)])
    capsys.readouterr()
    assert not ran.exists()
    new = [sys.modules[name] for name in set(sys.modules) - modules]
    assert not [m for m in new if str(oboe.parent) in str(getattr(m, "__file__", ""))]
    cli.main(["list", "--trust", "--plugins-dir", str(oboe.parent)])
    assert ran.exists()


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system ['x']",
        "!!python/name:os.system",
        "!!python/module:os",
        "!x",
    ],
)
@pytest.mark.parametrize("file", ["instrument.yaml", "recipe.yaml"])
def test_no_tag_in_yaml_makes_anything(tag: str, file: str, oboe: Path) -> None:
    (oboe / file).write_text((oboe / file).read_text() + f"\nextra: {tag}\n")
    assert "not valid YAML" in broken(oboe)


def hostile_licence(oboe: Path) -> None:
    licences = yaml.safe_load((oboe / "instrument.yaml").read_text())["licences"]
    change(oboe, licences={**licences, "weights": f"CC0 {ESCAPES}"})


def hostile_key(oboe: Path) -> None:
    change(oboe, **{f"key {ESCAPES}": 1})


def hostile_folder(oboe: Path) -> None:
    name = ESCAPES.replace("/", "").replace("\0", "")
    shutil.copytree(oboe, oboe.with_name(f"second {name}"))


def hostile_python(oboe: Path) -> None:
    (oboe / "__init__.py").write_text(
        "from timbresep.hookspecs import BackboneSpec, SourceModelSpec, hookimpl\n"
        f"bad = {ESCAPES!r}\n\n@hookimpl\ndef timbresep_backbones():\n"
        "    return [BackboneSpec('toy', 'a toy ' + bad, lambda dim: None, {}),\n"
        "            BackboneSpec('a' + bad, 'x', lambda dim: None, {})]\n\n"
        "@hookimpl\ndef timbresep_source_models():\n    raise ValueError('no ' + bad)\n"
    )


def told(part: object) -> str:
    return " ".join(part[:1]) if isinstance(part, list) else getattr(part, "__name__", "")


SEPARATE = ["separate", "data/starter/demo/mixture.flac", "-i", f"x{ESCAPES}"]
SCREENS = [
    (["list"], hostile_licence),
    (["list"], hostile_key),
    (["list"], hostile_folder),
    (["list"], hostile_python),
    (["list", "--json"], hostile_folder),
    (["list", "--json"], hostile_python),
    (["check", "oboe"], hostile_key),
    (["check", "oboe"], hostile_licence),
    (["check", "oboe", "--json"], hostile_licence),
    (["models"], hostile_python),
    (["models", "--json"], hostile_python),
    (SEPARATE, hostile_python),
]


@pytest.mark.parametrize(("screen", "make"), SCREENS, ids=told)
def test_no_screen_obeys_what_a_plugin_says(
    screen: list[str],
    make: Callable[[Path], None],
    oboe: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make(oboe)
    if screen[0] == "separate":
        screen = [*screen, "-o", str(tmp_path / "out")]
    where = ["--plugins-dir", str(oboe.parent), "--trust"] if screen[0] != "models" else []
    monkeypatch.setenv("TIMBRESEP_PLUGINS", str(oboe.parent))
    cli.main([*screen, *where])
    said = capsys.readouterr()
    for text in (said.out, said.err):
        assert not OBEYED.search(text), ascii(OBEYED.search(text))
    if "--json" in screen and said.out:
        json.loads(said.out)


def test_a_page_shows_names_and_obeys_none() -> None:
    track = Track(f"a{ESCAPES}", "data:,", [0.1], 1.0)
    table = Grid([[f"b{ESCAPES}", "<i>"]], head=[f"c{ESCAPES}"], caption=ESCAPES)
    page = Page(f"d{ESCAPES}", ESCAPES, [Section(ESCAPES, [ESCAPES], [track], [table])]).html()
    text = html.unescape(page)
    own = {sign for part in page.split("<script>")[1:] for sign in OBEYED.findall(part)}
    assert set(OBEYED.findall(text)) <= own
    data = re.search(r'class="tracks"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert data is not None
    assert not OBEYED.search(json.loads(data[1])[0]["name"])
    assert "d\\x1b[2J" in text


def test_names_of_uploads_are_shown(tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    from starlette.datastructures import UploadFile

    from timbresep.server.app import _shown

    sent = UploadFile(io.BytesIO(b""), filename=f"/etc/{ESCAPES.replace('/', '')}.wav")
    assert shown_lines(_shown(sent)) == _shown(sent)
    assert "etc" not in _shown(sent)
