"""Migration: shot gathers of any line to panels in depth, which a network reads instead of the gathers.

A panel is a Kirchhoff image: each point of the subsurface gets the mean of the samples that belong to it, were the
velocity a given profile v(z). Panels differ in the factor on that profile and in the class of source-receiver offset:
a velocity scan in depth. What reflections do not show in the right profile, out of focus in the others, is where the
velocity is to be read from.
"""
