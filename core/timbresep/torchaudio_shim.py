"""torchaudio where its compiled part cannot load: what a plugin's library needs is Python anyway.

PyPI's torchaudio links CUDA. Beside a torch for CPUs, `import torchaudio` fails with an OSError,
although resampling, filters and transforms are plain torch. There an empty module takes the place
of the compiled part. A torchaudio that imports is left as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn

COMPILED = "torchaudio._extension"


def import_torchaudio() -> ModuleType:
    """Import torchaudio, without its compiled part if that cannot load.

    Call it before you import a library that imports torchaudio.

    Raises:
        ImportError: torchaudio is not installed.
    """
    try:
        import torchaudio
    except OSError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchaudio"]:
            del sys.modules[name]
        sys.modules[COMPILED] = _nothing_compiled()
        import torchaudio
    loaded: ModuleType = torchaudio
    return loaded


def _nothing_compiled() -> ModuleType:
    """What `torchaudio._extension` is when torchaudio was built without compiled code."""
    module: Any = ModuleType(COMPILED)
    module._IS_TORCHAUDIO_EXT_AVAILABLE = False
    module._IS_ALIGN_AVAILABLE = False
    module._IS_RIR_AVAILABLE = False
    module.fail_if_no_align = _refuse
    module._check_cuda_version = lambda: None
    loaded: ModuleType = module
    return loaded


def _refuse(function: Callable[..., Any]) -> Callable[..., NoReturn]:
    """A function that needs the compiled part, replaced by one that says so."""

    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise RuntimeError(f"{function.__name__} needs torchaudio's compiled part")

    return refuse
