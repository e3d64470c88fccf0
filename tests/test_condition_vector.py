"""A condition is a timbre vector: of fixed length, indifferent to duration and gain."""

from __future__ import annotations

import itertools
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch

from timbresep.condition import vector as conditioner
from timbresep.condition.parts import PARTS
from timbresep.condition.tone_table import ToneTable, tones_of_model
from timbresep.condition.vector import (
    DIM,
    LAYOUTS,
    as_version,
    condition,
    draw,
    length,
    split,
    version_of,
)
from timbresep.ddsp.decoder import DecoderConfig
from timbresep.ddsp.model import DdspModel, TrainedRange
from timbresep.errors import CheckpointError, DataError

RATE = 16_000
RANGE = (100.0, 1000.0)
CONFIG = DecoderConfig(rnn_channels=16, channels=16)


def model(seed: int = 0, f0_hz: tuple[float, float] = (50.0, 2000.0)) -> DdspModel:
    torch.manual_seed(seed)
    made = DdspModel(CONFIG, TrainedRange((-40.0, -25.0, -10.0), f0_hz))
    torch.nn.init.normal_(made.decoder.dense_out.weight, std=1.0)  # clearly its own timbre
    return made.eval()


@pytest.fixture(scope="module")
def table() -> ToneTable:
    return ToneTable.from_model(model(), RANGE)


def test_the_table_holds_proper_distributions_of_every_semitone_of_the_trained_range(
    table: ToneTable,
) -> None:
    assert table.pitches.tolist() == list(range(44, 84))  # 103.8 to 987.8 Hz
    assert table.distributions.shape == (3, 40, 60)
    assert np.allclose(table.distributions.sum(-1), 1, atol=1e-5)
    above = 440 * 2 ** ((table.pitches[:, None] - 69) / 12) * np.arange(1, 61) >= RATE / 2
    assert above.any()
    assert (table.distributions[:, above] == 0).all()
    narrow = ToneTable.from_model(model(f0_hz=(220.0, 440.0)), RANGE)
    assert narrow.pitches.tolist() == list(range(57, 70))
    with pytest.raises(DataError, match="was trained on"):
        ToneTable.from_model(model(f0_hz=(2000.0, 3000.0)), RANGE)


def test_the_vector_is_of_fixed_length_finite_and_repeatable(table: ToneTable) -> None:
    vector = condition(table)
    assert vector.shape == (DIM,) == (length(conditioner.CONDITION_VERSION),)
    assert vector.dtype == np.float32
    assert np.isfinite(vector).all()
    assert (vector >= 0).all()
    assert (vector <= 1.001).all()
    assert np.array_equal(vector, condition(ToneTable.from_model(model(), RANGE)))


def test_the_vector_is_what_its_definition_says() -> None:
    shares = np.zeros((1, 2, 60), np.float32)
    shares[0, :, 0], shares[0, 0, 1], shares[0, 1, 2] = 0.9, 0.1, 0.1
    noise = np.zeros((1, 2, 16), np.float32)
    two = ToneTable(np.array([60.0, 61.0], np.float32), np.zeros(1, np.float32), shares, noise)
    rows = condition(two, version=1).reshape(4, 41)
    assert (rows[[0, 1, 3]] == 0).all()  # C4 and C♯4 lie in the third register
    expected = [(np.log(d + 1e-4) - np.log(1e-4)) / -np.log(1e-4) for d in (0.9, 0.05, 0.05, 0)]
    assert rows[2, :4] == pytest.approx(expected, abs=1e-6)
    assert rows[2, 40] == 1


def test_a_note_is_heard_in_its_register_and_counts_once(table: ToneTable) -> None:
    rows = condition(table, [45, 50, 52, 62], version=1).reshape(4, 41)
    assert rows[:, 40].tolist() == pytest.approx([0.25, 0.5, 0.25, 0])
    assert np.array_equal(condition(table, [60, 60, 64]), condition(table, [64, 60]))
    assert not np.allclose(condition(table, [60]), condition(table, [71]), atol=1e-3)


def test_the_level_interpolates_and_is_clamped(table: ToneTable) -> None:
    loudest = condition(table.at_level(-10.0))
    assert np.array_equal(loudest, condition(table.at_level(99.0)))
    assert not np.allclose(loudest, condition(table.at_level(-40.0)), atol=1e-3)


def test_two_instruments_differ(table: ToneTable) -> None:
    other = condition(ToneTable.from_model(model(seed=1), RANGE))
    assert np.sqrt(np.mean((other - condition(table)) ** 2)) > 0.02


def test_half_precision_on_disk_keeps_the_condition(table: ToneTable, tmp_path: Path) -> None:
    model().save(tmp_path / "m.safetensors", {})
    again = tones_of_model(tmp_path / "m.safetensors", RANGE)
    assert np.abs(condition(again) - condition(table)).max() < 1e-3
    facts = conditioner.provenance(tmp_path / "m.safetensors", again, [60, 62])
    assert len(facts["ddsp_sha256"]) == 64
    assert facts["notes"] == [60.0, 62.0]
    assert facts["sample_rate"] == RATE
    with pytest.raises(CheckpointError):
        tones_of_model(tmp_path / "none.safetensors", RANGE)


def test_draws_vary_around_the_default_and_are_seeded(table: ToneTable) -> None:
    draws = np.stack([draw(table, np.random.default_rng(seed)) for seed in range(200)])
    assert draws.shape == (200, DIM)
    assert draws.dtype == np.float32
    assert np.isfinite(draws).all()
    assert (draws >= 0).all()
    assert (draws <= 1.001).all()
    assert np.array_equal(draws[7], draw(table, np.random.default_rng(7)))
    assert len(np.unique(draws, axis=0)) == 200
    full = draws[(draws[:, :164].reshape(-1, 4, 41)[:, :, 40] > 0).sum(1) == 4]
    assert np.abs(full - condition(table)).mean() < 0.06


def test_tables_travel_to_workers(table: ToneTable) -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        drawn = pool.submit(draw, table, np.random.default_rng(3)).result()
    assert np.array_equal(drawn, draw(table, np.random.default_rng(3)))


def test_importing_it_does_not_import_torch() -> None:
    code = "import sys, timbresep.condition.vector; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_bad_notes_are_refused(table: ToneTable) -> None:
    for notes in ([], [float("nan")]):
        with pytest.raises(DataError, match="at least one note"):
            condition(table, notes)


def test_later_versions_only_append(table: ToneTable) -> None:
    """A separator of an earlier version is served with the beginning of the vector."""
    for earlier, later in itertools.pairwise(sorted(LAYOUTS)):
        assert LAYOUTS[later][: len(LAYOUTS[earlier])] == LAYOUTS[earlier]
    assert LAYOUTS[1] == ("registers",)
    assert LAYOUTS[2] == ("registers", "spread", "noise")
    long = condition(table, version=2)
    assert len(long) == length(2) == 164 + 160 + 17
    assert version_of(long) == 2
    assert np.array_equal(as_version(long, 1), condition(table, version=1))
    assert np.array_equal(as_version(long, 2), long)
    assert np.array_equal(np.concatenate(list(split(long).values())), long)
    with pytest.raises(DataError, match="has not the 341 values of version 2"):
        as_version(condition(table, version=1), 2)
    with pytest.raises(DataError, match="no version 7"):
        condition(table, version=7)
    with pytest.raises(DataError, match="no known version"):
        version_of(np.zeros(12, np.float32))


def test_every_part_keeps_the_contract(table: ToneTable, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = tuple(PARTS)
    monkeypatch.setitem(LAYOUTS, 99, layout)
    rng = np.random.default_rng(0)
    drawn = [draw(table, rng, 99) for _ in range(50)]
    vectors = [condition(table, version=99), condition(table.at_level(-25.0), [60], 99), *drawn]
    vectors.append(condition(ToneTable.from_model(model(), None), version=99))
    for vector in vectors:
        assert vector.shape == (sum(PARTS[name].length for name in layout),)
        assert vector.dtype == np.float32
        assert np.isfinite(vector).all()
        assert vector.min() >= 0
        assert vector.max() <= 1.001
    varied = np.stack(drawn).std(axis=0)
    for name, part in split(varied.astype(np.float32)).items():
        assert part.max() > 0.01, f"training never varies {name}"
