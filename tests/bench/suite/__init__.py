"""Ours beside a2a-sdk: the suite behind `make bench`."""
