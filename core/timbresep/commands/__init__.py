"""The command line: one file a command, or a group of them.

Each parses its options, calls one function and prints what that gives; `app` assembles them.
"""
