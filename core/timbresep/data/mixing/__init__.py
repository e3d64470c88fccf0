"""Training mixtures out of stems.

`config` is every setting; `mixer` draws stems, changes them (`augmentation`) and sums them;
`feed` does that in processes beside the training.
"""
