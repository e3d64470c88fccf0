"""Training mixtures out of stems.

`config` is every setting. `planner` chooses stems and what is asked for; `stem_maker` reads and
changes a stem (`augmentation`); `mixer` sums them; `feed` does that in processes beside the
training, and `show` lets people see and hear it.
"""
