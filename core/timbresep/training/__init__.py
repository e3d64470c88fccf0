"""Training: one trainer for any backbone and any number of instruments.

A `request` becomes the settings of a run; `task` makes network and conditions (`labels`, `parent`),
which `trial` tries; `data` feeds mixtures; `run` makes steps and checkpoints, in the schedule of
`loop`. `state` is for resuming, `event_log` for TensorBoard; `setup` has threads and precision.
"""
