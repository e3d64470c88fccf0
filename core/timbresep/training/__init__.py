"""Training: one trainer for any backbone and any number of instruments.

A `request` says what is asked, and resolves to the settings of a run; `loop` is the schedule, from
the first step to the last; `run` makes a step and a checkpoint. For it `task` makes the network and
its conditions (`labels`, `parent`), `trial` finds out whether they make a step at all, and `data`
gives mixtures. `state` is what an interrupted run goes on from, `event_log` writes for TensorBoard,
`setup` has threads and precision.
"""
