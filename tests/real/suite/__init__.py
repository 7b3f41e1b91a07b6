"""The parts of tests/real/run."""
