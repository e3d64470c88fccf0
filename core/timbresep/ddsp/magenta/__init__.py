"""Magenta's own ddsp on TensorFlow: train with it, read and write its checkpoints.

The only place where `tensorflow`, `gin` and `ddsp` are imported, and only inside functions: without
them everything else works, and these functions say what to install.
"""
