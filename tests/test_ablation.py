"""What conditions do, measured on separators whose answers are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import cli
from dataset_trees import read_stems
from fakes import RATE, GainBackbone, loaded, plugin, saved
from timbresep import audio
from timbresep.checkpoint import Checkpoint
from timbresep.errors import DataError, OutputExistsError
from timbresep.evaluation.ablation.picture import matrix
from timbresep.evaluation.ablation.run import ablate, shuffled
from timbresep.evaluation.ablation.store import PICTURE, SCORES, check_output, write
from timbresep.evaluation.ablation.table import summary, table
from timbresep.separation.separator import Separator

SAMPLES = 16_000


class TonePicker(GainBackbone):
    """Value k of the condition lets spectral band k pass: below and above 1 kHz."""

    def forward(self, mixture: Tensor, conditions: Tensor) -> Tensor:
        spectrum = torch.fft.rfft(mixture)[:, None]  # (batch, 1, channels, bins)
        high = torch.fft.rfftfreq(mixture.shape[-1], 1 / RATE) > 1000
        low, top = conditions[..., 0, None, None], conditions[..., 1, None, None]
        return torch.fft.irfft(spectrum * torch.where(high, top, low), mixture.shape[-1])


def picker(**vectors: list[float]) -> Checkpoint:
    """A separator in memory: instrument → its condition."""
    found = loaded(TonePicker(3), **dict.fromkeys(vectors, 0.0))
    found.conditions.update({name: np.float32(values) for name, values in vectors.items()})
    return found


def tone(hz: float) -> np.ndarray:
    return 0.2 * np.sin(2 * np.pi * hz * np.arange(SAMPLES) / RATE)[None].astype(np.float32)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two tracks of a low and a high tone."""
    for k in range(2):
        folder = tmp_path / "tracks" / f"track{k}"
        folder.mkdir(parents=True)
        audio.write(folder / "tuba.wav", tone(300 + 50 * k), RATE)
        audio.write(folder / "piccolo.wav", tone(2000 + 50 * k), RATE)
    return tmp_path / "tracks"


def test_each_condition_is_scored_for_each_instrument(root: Path) -> None:
    separator = Separator(picker(tuba=[1, 0, 0], piccolo=[0, 1, 0], harp=[1, 1, 0]))
    result = ablate(separator, read_stems(root))
    assert [row.instrument for row in result.rows] == ["tuba", "piccolo"], "no harp plays"
    tuba = result.rows[0]
    assert tuba.tracks == 2
    assert tuba.true > 20
    assert tuba.swapped["piccolo"] < -20
    assert tuba.swapped["harp"] == pytest.approx(0, abs=0.01), "the mixture itself"
    assert tuba.zero == pytest.approx(-100, abs=0.1), "silence"
    values = matrix(result)
    assert values.shape == (2, 3 + 2)
    assert values[0, 0] == tuba.true
    assert values[1, 0] == result.rows[1].swapped["tuba"]
    means = result.mean()
    assert means["true"] == pytest.approx((tuba.true + result.rows[1].true) / 2)


def test_shuffling_keeps_the_values_and_is_the_same_each_time() -> None:
    values = np.arange(50, dtype=np.float32)
    once = shuffled(values)
    assert not np.array_equal(once, values)
    assert np.array_equal(np.sort(once), values)
    assert np.array_equal(shuffled(values), once)


def test_shuffled_is_the_own_condition_in_another_order(root: Path) -> None:
    own = {"tuba": [1.0, 0.0, 0.0], "piccolo": [0.0, 1.0, 0.0]}
    tracks = read_stems(root)
    result = ablate(Separator(picker(**own)), tracks)
    for row in result.rows:
        mixed = shuffled(np.float32(own[row.instrument])).tolist()
        asked = {**own, row.instrument: mixed}
        direct = ablate(Separator(picker(**asked)), tracks, [row.instrument])
        assert row.shuffled == pytest.approx(direct.rows[0].true, abs=1e-6)


def test_a_single_instrument_has_nothing_to_swap_with(root: Path) -> None:
    result = ablate(Separator(picker(tuba=[1, 0, 0])), read_stems(root))
    assert result.rows[0].swapped == {}
    assert result.mean()["swapped"] is None
    assert "swapped" not in summary(result)
    assert table(result).row_count == 1


def test_files_hold_every_number_and_are_not_replaced(root: Path, tmp_path: Path) -> None:
    checkpoint = picker(tuba=[1, 0, 0], piccolo=[0, 1, 0])
    separator = Separator(checkpoint)
    result = ablate(separator, read_stems(root))
    out = tmp_path / "out"
    write(result, separator, root, out)
    record = json.loads((out / SCORES).read_text())
    assert (record["checkpoint"], record["source_model"]) == ("fake.safetensors", None)
    assert record["instruments"][0]["instrument"] == "tuba"
    assert record["instruments"][0]["swapped"]["piccolo"] == result.rows[0].swapped["piccolo"]
    assert record["mean"]["zero"] == result.mean()["zero"]
    assert (out / PICTURE).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    with pytest.raises(OutputExistsError, match="--overwrite"):
        check_output(out, overwrite=False)
    check_output(out, overwrite=True)
    with pytest.raises(OutputExistsError, match="is a file"):
        check_output(out / SCORES, overwrite=True)


def test_no_stem_of_the_instruments(root: Path) -> None:
    with pytest.raises(DataError, match="no track has a stem named harp"):
        ablate(Separator(picker(harp=[1, 0, 0])), read_stems(root))


def test_the_command(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plugins = str(plugin(tmp_path / "plugins"))
    for track in root.iterdir():
        (track / "tuba.wav").rename(track / "violin.wav")
        (track / "piccolo.wav").rename(track / "flute.wav")
    (root / "half").mkdir()
    (root / "half" / "violin.wav").write_bytes(b"RIFF")
    model = saved(tmp_path / "model.safetensors", 164, violin=0.5, flute=0.25)
    out = tmp_path / "out"
    command = ["ablate", str(model), str(root), "-o", str(out), "--plugins-dir", plugins]
    page = ["--report", str(tmp_path / "a.html"), "--figures", str(tmp_path / "figures")]
    assert cli.main([*command, *page, "--device", "cpu"]) == 1, "a track was skipped"
    assert "What a wrong condition costs" in (tmp_path / "a.html").read_text()
    assert (tmp_path / "figures" / "losses.png").is_file()
    shown = capsys.readouterr()
    assert "1 tracks skipped: half" in shown.out
    assert "0.0 dB with the true condition, 0.0 dB swapped" in shown.out, "a gain is not scored"
    assert (out / SCORES).is_file()
    assert cli.main(command) == 1
    assert "--overwrite" in capsys.readouterr().err
    for wrong in ([str(model)], [str(model), str(model), str(root)]):
        assert cli.main(["ablate", *wrong]) == 1
        assert "expected a checkpoint and a folder of tracks" in capsys.readouterr().err
