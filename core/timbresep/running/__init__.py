"""What long runs have in common.

The `device` that computes; `progress` to report, and what is `loading`; `interrupts` that wait for
the end of a step; `optimizer_state` to resume from; `provenance` of the results.
"""
