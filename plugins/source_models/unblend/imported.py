"""What of unblend is used. It imports torchaudio, which may need help to be imported."""

from timbresep.torchaudio_shim import import_torchaudio

import_torchaudio()

from unblend import ModelEnsemble, ModelLoadingError, ModelRepository, backends  # noqa: E402
from unblend.apply import apply_model  # noqa: E402
from unblend.htdemucs import HTDemucs  # noqa: E402

__all__ = [
    "HTDemucs",
    "ModelEnsemble",
    "ModelLoadingError",
    "ModelRepository",
    "apply_model",
    "backends",
]
