"""What can be said about ddsp's checkpoints without TensorFlow, and that it is missing."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from cli import main
from timbresep.ddsp.decoder import DecoderConfig
from timbresep.ddsp.magenta import checkpoint, environment, operative_config
from timbresep.ddsp.model import DdspModel
from timbresep.errors import CheckpointError, MissingToolError, OutputExistsError
from timbresep.registry.registry import Registry

CONFIG = DecoderConfig(12, 10, 2, n_harmonics=7, n_noise=5, reverb_length=30)
GIN = """
# Parameters for Harmonic:
# ==============================================================================
Harmonic.n_samples = 64000
Harmonic.sample_rate = 16000
Harmonic.scale_fn = @core.exp_sigmoid

RnnFcDecoder.input_keys = ('ld_scaled', 'f0_scaled')
RnnFcDecoder.output_splits = \\
    (('amps', 1),
     ('harmonic_distribution', 7), ('noise_magnitudes', 5))
Trainer.learning_rate = %learning_rate
"""


@pytest.fixture
def variables() -> dict[str, np.ndarray]:
    return checkpoint.to_magenta(DdspModel(CONFIG).state_dict(), CONFIG)


@pytest.fixture
def without_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    environment.load.cache_clear()
    for name in ("tensorflow", "ddsp"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.usefixtures("without_tensorflow")
def test_missing_tensorflow_is_said_with_the_way_to_install_it(tmp_path: Path) -> None:
    (tmp_path / "ckpt-5.index").touch()
    for action in (
        lambda: checkpoint.read(tmp_path),
        lambda: checkpoint.write(DdspModel(CONFIG), tmp_path / "out"),
    ):
        with pytest.raises(MissingToolError, match="make magenta"):
            action()
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("without_tensorflow")
def test_a_plugin_keeps_its_model_unless_it_may_be_replaced(
    registry: Registry, tmp_path: Path
) -> None:
    from timbresep.voice.magenta import import_voice

    folder = registry.instruments()[0].folder
    before = (folder / "ddsp.safetensors").read_bytes()
    with pytest.raises(OutputExistsError, match="--overwrite"):
        import_voice(tmp_path, folder, overwrite=False, report=lambda share, text: None)
    assert (folder / "ddsp.safetensors").read_bytes() == before


@pytest.mark.usefixtures("without_tensorflow")
def test_training_with_magenta_needs_it_before_anything_else(
    registry: Registry, tmp_path: Path
) -> None:
    from timbresep.ddsp.training import TrainSettings
    from timbresep.voice.magenta import train_with_magenta

    folder = registry.instruments()[0].folder
    with pytest.raises(MissingToolError, match="make magenta"):
        train_with_magenta(
            folder, tmp_path, TrainSettings(), overwrite=True, report=lambda share, text: None
        )


def test_the_command_line_says_it_in_one_line(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = registry.instruments()[0].name
    assert main(["ddsp", "import", str(tmp_path), "--plugin", name, "--overwrite"]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("error: ")
    assert "no TensorFlow checkpoint" in said


def test_a_folder_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(CheckpointError, match="no TensorFlow checkpoint"):
            checkpoint.read(folder)


def test_the_highest_step_is_the_latest(tmp_path: Path) -> None:
    for step in (9, 300, 1200):
        (tmp_path / f"ckpt-{step}.index").touch()
    assert checkpoint.latest(tmp_path) == tmp_path / "ckpt-1200"
    assert checkpoint.latest(tmp_path / "ckpt-300") == tmp_path / "ckpt-300"
    assert checkpoint.latest(tmp_path / "ckpt-9.index") == tmp_path / "ckpt-9"


@pytest.mark.parametrize(
    "config",
    [CONFIG, DecoderConfig(8, 8, 0), DecoderConfig(8, 16, 1), DecoderConfig(6, 4, 3, 11, 9)],
)
def test_sizes_and_weights_come_back_from_variables(config: DecoderConfig) -> None:
    state = DdspModel(config).state_dict()
    theirs = checkpoint.to_magenta(state, config)
    splits = (config.n_harmonics, config.n_noise)
    assert checkpoint.sizes(theirs, splits, "here") == config
    back = checkpoint.to_torch(theirs, config)
    assert back.keys() == state.keys()
    assert all(torch.equal(back[name], state[name]) for name in state)


def test_other_models_are_refused_by_their_names(variables: dict[str, np.ndarray]) -> None:
    more = variables | {"encoder/dense_out/kernel": np.zeros((3, 4), np.float32)}
    with pytest.raises(CheckpointError, match=r"encoder/dense_out/kernel is \(3, 4\), expected no"):
        checkpoint.sizes(more, (7, 5), "here")
    less = {name: value for name, value in variables.items() if "input_stacks/1" not in name}
    with pytest.raises(CheckpointError, match=r"input_stacks/1/\S+ is missing.*and 5 more"):
        checkpoint.sizes(less, (7, 5), "here")
    with pytest.raises(CheckpointError, match=r"dense_out/bias is missing.*and 2 more"):
        checkpoint.sizes({}, (7, 5), "here")


def test_a_long_short_term_memory_is_no_gru(variables: dict[str, np.ndarray]) -> None:
    cell = "decoder/rnn/rnn/cell"
    lstm = {f"{cell}/kernel": (20, 48), f"{cell}/recurrent_kernel": (12, 48), f"{cell}/bias": (48,)}
    other = variables | {name: np.zeros(shape, np.float32) for name, shape in lstm.items()}
    with pytest.raises(CheckpointError, match=r"cell/bias is \(48,\), expected \(2, 36\)"):
        checkpoint.sizes(other, (7, 5), "here")


def test_outputs_of_an_unusual_number_need_their_configuration(
    variables: dict[str, np.ndarray],
) -> None:
    with pytest.raises(CheckpointError, match=r"13 outputs.*operative_config"):
        checkpoint.sizes(variables, None, "here")


def test_the_operative_configuration_is_read_as_text() -> None:
    settings = operative_config.parse(GIN)
    assert settings["Harmonic.n_samples"] == 64_000
    assert settings["Harmonic.scale_fn"] == "@core.exp_sigmoid"
    assert settings["Trainer.learning_rate"] == "%learning_rate"
    assert operative_config.splits(settings, "here") == (7, 5)
    assert operative_config.splits({}, "here") is None


def test_the_last_operative_configuration_counts(tmp_path: Path) -> None:
    assert operative_config.read(tmp_path) is None
    (tmp_path / "operative_config-300.gin").write_text("Harmonic.n_samples = 1\n")
    (tmp_path / "operative_config-0.gin").write_text("Harmonic.n_samples = 2\n")
    assert operative_config.read(tmp_path) == {"Harmonic.n_samples": 1}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("Harmonic.sample_rate = 48000", "Harmonic.sample_rate = 48000, not 16000"),
        ("RnnFcDecoder.rnn_type = 'lstm'", "rnn_type = 'lstm', not 'gru'"),
        ("FilteredNoise.window_size = 257", "window_size = 257, not 0"),
        ("Autoencoder.encoder = @encoders.MfccRnnEncoder()", "Autoencoder.encoder"),
        ("RnnFcDecoder.input_keys = ('f0_scaled', 'ld_scaled')", "input_keys"),
        ("F0LoudnessPreprocessor.time_steps = 500", "500 frames for 64000 samples"),
        ("RnnFcDecoder.output_splits = (('amps', 1), ('noise_magnitudes', 12))", "outputs are"),
        ("RnnFcDecoder.output_splits = 3", "outputs are 3"),
    ],
)
def test_other_settings_are_refused(given: str, named: str) -> None:
    """The weights alone would fit: a model played at another rate is silently wrong."""
    with pytest.raises(CheckpointError) as caught:
        operative_config.splits(operative_config.parse(GIN + given + "\n"), "here")
    assert named in str(caught.value)
