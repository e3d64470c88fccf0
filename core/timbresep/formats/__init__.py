"""Bytes and text that anybody may have written, as values: checked before they are believed.

YAML and JSON (`notation`), arrays (`npy`), weights (`tensor_file`), networks built again from a
description (`rebuild`); and text on its way out (`text`, `encoding`).
"""
