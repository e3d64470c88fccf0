"""What long runs have in common, whatever they compute.

A `device`; `progress` that is told; `interrupts` that wait for the end of a step; `optimizer_state`
to go on from; `provenance` of what comes out.
"""
