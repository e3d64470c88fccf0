"""Conditions: the vectors that tell a separator which instrument to pull out."""
