"""What each condition does in a trained separator: the true one, others', shuffled, none."""

from timbresep.evaluation.ablation.run import Ablation, AblationRow, ablate
from timbresep.evaluation.ablation.store import PICTURE, SCORES, check_output, write

__all__ = [
    "PICTURE",
    "SCORES",
    "Ablation",
    "AblationRow",
    "ablate",
    "check_output",
    "write",
]
