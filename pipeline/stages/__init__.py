"""The stages: pure functions from a table batch to a table batch."""
