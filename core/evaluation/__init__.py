"""Scores of separators on multitracks."""

from core.evaluation.plan import Plan
from core.evaluation.result import METHODS, Evaluation, Leak, Method, Row, Swap, mean_scores
from core.evaluation.run import evaluate, evaluate_folder
from core.evaluation.tracks import named_folder, tracks_in

__all__ = [
    "METHODS",
    "Evaluation",
    "Leak",
    "Method",
    "Plan",
    "Row",
    "Swap",
    "evaluate",
    "evaluate_folder",
    "mean_scores",
    "named_folder",
    "tracks_in",
]
