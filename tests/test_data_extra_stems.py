"""Extra instruments as targets: in their share, with the conditions of their own tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from dataset_trees import read_stems
from timbresep import audio
from timbresep.condition import tone_store as table_file
from timbresep.condition import vector as conditioner
from timbresep.condition.tone_table import BANDS, ToneTable
from timbresep.data.extra_stems import TABLES, ExtraStems, tables_of
from timbresep.data.mixing.config import MixConfig
from timbresep.data.mixing.mixer import Annotations, MixtureDataset
from timbresep.data.track import Track
from timbresep.errors import DataError
from timbresep.registry.registry import Registry
from timbresep.training.data import TrainingData
from timbresep.training.request import TrainRequest

RATE = 16_000
LEVELS = (-30.0, -20.0, -10.0)


def test_tables_come_back_whole_and_a_cut_file_is_told(tmp_path: Path) -> None:
    table = some_table(1)
    table_file.write(tmp_path / "t.safetensors", {"a": table, "b": some_table(2)})
    assert table_file.names(tmp_path / "t.safetensors") == ["a", "b"]
    back = table_file.read(tmp_path / "t.safetensors", "a")
    for field in table_file.ARRAYS:
        np.testing.assert_array_equal(getattr(back, field), getattr(table, field))
    whole = (tmp_path / "t.safetensors").read_bytes()
    for name, content in {"cut": whole[:200], "empty": b"", "text": b"a track"}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match="not a whole file of tone tables"):
            table_file.names(tmp_path / name)


def some_table(seed: int) -> ToneTable:
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(60, 0.3), (3, 20)).astype(np.float32)
    noise = (rng.dirichlet(np.full(BANDS + 1, 0.3), (3, 20))[..., :BANDS]).astype(np.float32)
    pitches = np.arange(50, 70, dtype=np.float32)
    return ToneTable(pitches, np.array(LEVELS, np.float32), shares, noise)


def sine_tracks(root: Path) -> tuple[list[Track], dict[str, float], dict[str, ToneTable]]:
    """Two tracks of plugins, two with extra instruments; each stem a sine at its own frequency."""
    hertz: dict[str, float] = {}
    tables: dict[str, ToneTable] = {}
    layout = [
        ["bass", "flute"],
        ["bass", "flute"],
        ["extra_a", "extra_b"],
        ["extra_c", "extra_d", "flute"],
    ]
    for k, names in enumerate(layout):
        (root / f"t{k}").mkdir(parents=True)
        for name in names:
            hertz.setdefault(name, 200.0 + 130.0 * len(hertz))
            time = np.arange(2 * RATE) / RATE
            wave = 0.1 * np.sin(2 * np.pi * hertz[name] * time)[None].astype(np.float32)
            audio.write(root / f"t{k}" / f"{name}.wav", wave, RATE, "FLOAT")
        (root / f"t{k}" / "track.yaml").write_text("split: train\n")
        extras = {name: some_table(ord(name[-1])) for name in names if "extra_" in name}
        if extras:
            table_file.write(root / f"t{k}" / TABLES, extras)
        tables |= extras
    return read_stems(root), hertz, tables


def own(index: int, rng: np.random.Generator) -> np.ndarray:
    return np.full(conditioner.DIM, 2.0 + index, dtype=np.float32)


def mixtures(
    tracks: list[Track], extras: ExtraStems | None, size: int = 120, **options: object
) -> MixtureDataset:
    bare = {"eq_share": 0.0, "reverb_share": 0.0, "pitch_share": 0.0, "centred_share": 1.0}
    given = {"seconds": 0.5, "rate": RATE, "stems": (2, 3), **bare, **options}
    config = MixConfig.model_validate(given)
    return MixtureDataset(
        tracks,
        ["bass", "flute"],
        config,
        size=size,
        seed=0,
        conditions=own,
        annotations=Annotations(extras),
    )


@pytest.mark.parametrize("coherent", [0.0, 1.0])
def test_a_extra_target_has_the_condition_of_its_own_table(tmp_path: Path, coherent: float) -> None:
    tracks, hertz, tables = sine_tracks(tmp_path)
    extras = ExtraStems(tracks, conditioner.CONDITION_VERSION, share=1.0)
    data = mixtures(tracks, extras, coherent_share=coherent, extra_share=0.5)
    vectors = {name: conditioner.condition(table) for name, table in tables.items()}
    vectors |= {name: own(k, np.random.default_rng(0)) for k, name in enumerate(data.names)}
    asked = []
    for k in range(len(data)):
        item = data[k]
        for index, vector, target in zip(
            item["instruments"], item["conditions"], item["targets"], strict=True
        ):
            names = [n for n, own_vector in vectors.items() if np.array_equal(own_vector, vector)]
            assert len(names) == 1, "the condition is that of exactly one instrument"
            assert (int(index) == -1) == (names[0] in tables)
            asked.append(names[0])
            spectrum = torch.fft.rfft(target[0] * torch.hann_window(target.shape[1])).abs()
            loud = torch.nonzero(spectrum > 0.5 * spectrum.max()).ravel() * RATE / target.shape[1]
            if target.any():
                assert loud.float().mean() == pytest.approx(hertz[names[0]], abs=4)
            else:
                at = round(hertz[names[0]] * target.shape[1] / RATE)
                heard = torch.fft.rfft(item["mixture"][0] * torch.hann_window(target.shape[1]))
                assert heard.abs()[at] < 1, "silence is asked for only where it is not played"
    assert set(asked) == set(vectors)
    assert 0.3 < np.mean([name in tables for name in asked]) < 0.7


def test_conditions_of_extra_stems_are_drawn_as_those_of_real_ones(tmp_path: Path) -> None:
    tracks, _, tables = sine_tracks(tmp_path)
    extras = ExtraStems(tracks, 1, share=0.0)
    drawn = extras.condition("extra_a", np.random.default_rng(5))
    rng = np.random.default_rng(5)
    rng.random()
    np.testing.assert_array_equal(drawn, conditioner.draw(tables["extra_a"], rng, 1))
    assert len(drawn) == conditioner.length(1)


def test_without_extra_stems_their_share_changes_nothing(tmp_path: Path) -> None:
    real = [t for t in sine_tracks(tmp_path)[0] if tables_of(t) is None]
    assert len(real) == 2
    none = ExtraStems(real, 1, share=0.5)
    plain, with_share = mixtures(real, None, 20), mixtures(real, none, 20, extra_share=0.9)
    for k in range(20):
        for name, tensor in plain[k].items():
            assert torch.equal(tensor, with_share[k][name])


def test_a_share_of_none_asks_for_none_and_adds_none(tmp_path: Path) -> None:
    tracks, _, tables = sine_tracks(tmp_path)
    extras = ExtraStems(tracks, conditioner.CONDITION_VERSION, share=1.0)
    data = mixtures(tracks, extras, coherent_share=0.0, extra_share=0.0)
    assert all((data[k]["instruments"] >= 0).all() for k in range(40))
    rng = np.random.default_rng(0)
    assert not {
        p.label for _ in range(40) for p in data.planner.picks("bass", present=True, rng=rng)
    } & set(tables)


def test_training_has_extra_targets_and_validation_none(registry: Registry, tmp_path: Path) -> None:
    sine_tracks(tmp_path)
    (tmp_path / "t1" / "track.yaml").write_text("split: valid\n")
    (tmp_path / "t3" / "track.yaml").write_text("split: valid\n")
    instruments = registry.instruments(["bass", "flute"])
    config = MixConfig(seconds=0.5, rate=RATE, extra_share=0.5)

    def fed(share: float | None) -> TrainingData:
        asked = TrainRequest(
            instruments=("bass", "flute"),
            out=tmp_path / "run",
            roots={"sines": tmp_path},
            batch_size=16,
            workers=0,
            stored_share=share or 0.0,
        )
        vectors = {i.name: i.condition() for i in instruments}
        return TrainingData(asked.resolve(registry), vectors, config, varied=share is not None)

    data = fed(0.5)
    batch = next(data.batches(0, 1))
    assert (batch["instruments"] == -1).any()
    assert (batch["instruments"] >= 0).any()
    assert batch["conditions"].shape == (16, 2, len(instruments[0].condition()))
    assert data.extras.names == ["extra_a", "extra_b"], "those of validation stay out"
    assert [track.name for track in data.valid] == ["t1"]
    labelled = fed(None)  # vectors that do not vary: no extra instrument has such a one
    assert labelled.extras is None
    assert (next(labelled.batches(0, 1))["instruments"] >= 0).all()
    assert not any("extra_" in name for track in labelled.train for name in track.stems)
