"""Magenta's own ddsp on TensorFlow, imported here and nowhere else, and only inside functions.

`environment` loads it or says what to install; `training` trains with it on `records` of solos;
`checkpoint` reads and writes its files, whose sizes are in an `operative_config`.
"""
