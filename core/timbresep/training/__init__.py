"""Training: one trainer for any backbone and any number of instruments.

A `request` says what is asked; `task` makes the network and its conditions (`labels`, `parent`);
`data` gives mixtures; `run` makes a step and a checkpoint; `loop` is the schedule, from the first
step to the last; `state` is what an interrupted run goes on from.
"""
