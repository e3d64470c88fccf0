"""The instrument model: an autoencoder of differentiable signal processing (DDSP; Engel et al.,
ICLR 2020).

Solos are checked (`solo_check`) and become `features` (`pitch`) in a file (`prepared`); `passages`
of it go through the `model` (`decoder`, `synthesis`, `reverb`), which `training` fits by the
`spectral_loss` and a `report` judges. `resynthesis` plays it; `magenta` is the way to TensorFlow.
"""
