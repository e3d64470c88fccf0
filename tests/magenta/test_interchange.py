"""TensorFlow checkpoints of ddsp, read and written."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from reference import distance, double_phases, features, gestures, noise, random_model

from timbresep.ddsp.decoder import DecoderConfig
from timbresep.ddsp.magenta import checkpoint, environment
from timbresep.ddsp.model import DdspModel
from timbresep.errors import CheckpointError, OutputExistsError

CONFIG = DecoderConfig(24, 20, 2, n_harmonics=33, n_noise=17, reverb_length=1_000)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a random model."""
    folder = tmp_path_factory.mktemp("exported")
    checkpoint.write(random_model(CONFIG), folder)
    return folder


def stored(folder: Path) -> dict[str, Any]:
    """The model's variables as they are in a checkpoint."""
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(folder))
    names = [name for name in reader.get_variable_to_shape_map() if name.startswith("model/")]
    return {name: reader.get_tensor(name) for name in names}


@torch.no_grad()
def test_magenta_restores_an_export_and_plays_the_same(exported: Path) -> None:
    theirs = environment.build(CONFIG, 250)
    theirs.restore(str(exported))
    f0_hz, loudness_db = gestures(250)
    blocks = 2 * torch.rand(2, 250, 64, generator=torch.Generator().manual_seed(1)) - 1
    with noise(blocks), double_phases():
        answer = theirs(features(f0_hz, loudness_db), training=False)
    played = random_model(CONFIG)(f0_hz, loudness_db, torch.Generator().manual_seed(1))
    assert distance(played, answer["audio_synth"]) < 1e-4


def test_magenta_configures_itself_from_an_export(exported: Path) -> None:
    """The gin file alone rebuilds a model into which every variable fits."""
    import gin
    import tensorflow as tf
    from ddsp.training import models, train_util

    environment.configure([train_util.get_latest_operative_config(str(exported))], [])
    with gin.unlock_config():
        theirs = models.get_model()
    f0_hz, loudness_db = gestures(1_000)
    theirs(features(f0_hz, loudness_db), training=False)
    status = tf.train.Checkpoint(model=theirs).restore(str(exported / "ckpt-0"))
    status.assert_existing_objects_matched()


def test_a_folder_of_the_users_is_not_read_for_magentas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "ae.gin").write_text("nothing.of = 'ours'\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    environment.configure(environment.FILES, [])


def test_import_then_export_changes_nothing(exported: Path, tmp_path: Path) -> None:
    model, source = checkpoint.read(exported)
    model.save(tmp_path / "model.safetensors", {}, half=False)
    again = checkpoint.write(DdspModel.load(tmp_path / "model.safetensors"), tmp_path / "again")
    before, after = stored(exported), stored(again.parent)
    assert before.keys() == after.keys()
    for name, value in before.items():
        assert np.array_equal(value.view(np.uint32), after[name].view(np.uint32)), name
    assert model.config == CONFIG
    assert (source.step, source.assumed) == (0, ())


def test_a_checkpoint_is_not_written_over(exported: Path) -> None:
    with pytest.raises(OutputExistsError, match="already"):
        checkpoint.write(random_model(CONFIG), exported)


def test_without_its_gin_file_the_usual_outputs_are_assumed(tmp_path: Path) -> None:
    usual = DecoderConfig(16, 16, 1)
    checkpoint.write(random_model(usual), tmp_path)
    (tmp_path / "operative_config-0.gin").unlink()
    model, source = checkpoint.read(tmp_path / "ckpt-0")
    assert model.config == usual
    assert source.assumed


def test_without_its_gin_file_unusual_outputs_are_refused(exported: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(exported, tmp_path / "copy")
    (copy / "operative_config-0.gin").unlink()
    with pytest.raises(CheckpointError, match=r"51 outputs.*operative_config"):
        checkpoint.read(copy)


def test_another_model_of_ddsp_is_refused_with_its_names(tmp_path: Path) -> None:
    """An autoencoder with an encoder (`ae.gin`)."""
    import tensorflow as tf
    from ddsp.training import models, trainers

    changes = [
        "F0LoudnessPreprocessor.time_steps = 250",
        "F0LoudnessPreprocessor.compute_loudness = False",
        "Harmonic.n_samples = 16000",
        "FilteredNoise.n_samples = 16000",
        "MfccTimeDistributedRnnEncoder.rnn_channels = 8",
        "MfccTimeDistributedRnnEncoder.z_time_steps = 250",
    ]
    environment.configure(["optimization/base.gin", "models/ae.gin"], changes)
    theirs = models.get_model()
    theirs(features(*gestures(250)), training=False)
    trainers.Trainer(theirs, tf.distribute.get_strategy()).save(str(tmp_path))
    with pytest.raises(CheckpointError) as caught:
        checkpoint.read(tmp_path)
    assert "solo_instrument.gin" in str(caught.value)


def test_a_checkpoint_of_something_else_is_refused_with_its_names(tmp_path: Path) -> None:
    import tensorflow as tf

    other = tf.train.Checkpoint(model=tf.train.Checkpoint(weight=tf.Variable([1.0, 2.0])))
    other.write(str(tmp_path / "ckpt-1"))
    with pytest.raises(CheckpointError, match=r"decoder/.* is missing.* more"):
        checkpoint.read(tmp_path)


def test_a_cut_checkpoint_is_refused(exported: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(exported, tmp_path / "copy")
    data = next(copy.glob("*.data-*"))
    data.write_bytes(data.read_bytes()[:1_000])
    with pytest.raises(CheckpointError, match="cannot read"):
        checkpoint.read(copy)
    data.unlink()
    with pytest.raises(CheckpointError, match="cannot read"):
        checkpoint.read(copy)


def test_a_model_that_is_no_longer_finite_is_refused(tmp_path: Path) -> None:
    model = random_model(DecoderConfig(16, 16, 1))
    with torch.no_grad():
        model.decoder.dense_out.bias[3] = torch.nan
    checkpoint.write(model, tmp_path)
    with pytest.raises(CheckpointError, match=r"dense_out/bias .* finite"):
        checkpoint.read(tmp_path)
