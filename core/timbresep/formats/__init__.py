"""Bytes and text from any source as values: checked before use.

YAML and JSON (`notation`), arrays (`npy`), weights (`tensor_file`), networks built again from a
description (`rebuild`); and text on its way out (`text`, `encoding`).
"""
