"""The registry: what is there, and what is wrong with it.

`config` is the form of `registry.yaml`; plugins arrive from there, from folders and from entry
points (`arrival`, `plugin_import`); `registry` asks each what it brings and answers questions;
`catalogue` keeps them by name and tells clashes.
"""
