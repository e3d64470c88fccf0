"""How audio files are opened.

`kind` tells what a file is, a reader of that kind what its header promises (`promise`), and `sound`
decodes it, or `program` does where libsndfile cannot.
"""
