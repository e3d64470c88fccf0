"""How audio files are opened.

`look` recognises a file (`kind`) and asks the reader of its format (`riff`, `flac`, `ogg`, `mpeg`,
`chunked`) for a `plan`: whether the audio that the header promises is there (`promise`). `sound`
decodes the file by that plan, with libsndfile or else with the ffmpeg `program`.
"""
