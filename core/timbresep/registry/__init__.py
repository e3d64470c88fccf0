"""The registry: what is there, and what is wrong with it.

`config` is the form of `registry.yaml`; `registry` gathers bundled plugins, folders and entry
points (`plugin_import`); `catalogue` keeps them by name and tells clashes.
"""
