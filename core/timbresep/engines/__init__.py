"""Who does many tasks: several processes of this machine, or the machines of a Ray cluster."""
