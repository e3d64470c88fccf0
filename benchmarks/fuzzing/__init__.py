"""What `benchmarks/fuzz.py` feeds to each parser of outside bytes, and what it holds them to."""
