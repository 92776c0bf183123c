"""The unit that the networks work in."""

KILOMETRE = 1000.0
"""Metres. Outputs are in m/s, networks work in km/s, in which weights, gradients and curvatures are near 1."""
