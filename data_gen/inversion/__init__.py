"""Full-waveform inversion: a velocity model whose simulated gathers are those that were recorded.

misfit       how far simulated gathers are from recorded ones, in a band, for a source that is known or is not
variation    the total variation of a model, which keeps edges
invert       from low to high frequencies, by L-BFGS
"""
