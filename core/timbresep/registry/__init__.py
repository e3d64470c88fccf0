"""The registry: which plugins and separators there are, and the faults of broken ones.

`config` is the form of `registry.yaml`; plugins come from there, from folders and from entry points
(`arrival`, `plugin_import`); `registry` collects what each brings and answers questions;
`catalogue` keeps it by name and finds clashes.
"""
