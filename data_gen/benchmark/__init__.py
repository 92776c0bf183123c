"""`tomo benchmark simulator`: this simulator beside its peers, its worker beside the processor, a whole survey.

What was tried for speed. The figure is the CPU time of a `paper` model's 31 shots over that of what was kept, 0.45 s
on the machine of `results/simulator.json`, measured in turn in one process: with it, or with the first line of the way
here; the layers of 8 and 12 cells, unrolling and the pragmas with a step on that way.

The way here, each line with those above it:

    1.79  layer of 14 cells, every memory variable in two buffers
    1.76  memory variables in place
    1.38  filters scaled so that they need two coefficients; strips along x widened to 16 cells, a whole vector
    1.22  layer of 10 cells
    1.04  rows begin on a cache line
    1.00  wavefield in two buffers instead of three

The layer (error: worst of 16 shots over salt models against a domain without boundaries):

    0.79  6 cells, 1.3 %
    1.0   8 cells, 0.5 %: fewer points, but no whole number of vectors
    1.00  10 cells, 0.17 %
    1.24  12 cells, 0.1 %: like 8
    1.04  14 cells, 0.04 %
    100 cells of a quadratic sponge, 0.9 %: 6.2 times the points

Instead of what was kept:

    1.10  second order in time at 1.6 ms, the stable step: one Laplacian a step, but 5/3 of the steps and of the
          layer's work, and gathers that differ by 1.3 %
    1.0   8 shots as the innermost dimension (two Laplacians without a layer, in C): nothing unaligned is read, but
          the wavefields of 8 shots leave the cache;  1.3  16 shots
    0.99  every step recorded: one row a step is nothing beside the wavefield
    1.07  Devito's `opt`: noop;  1.07  cse;  1.03  advanced-fsg;  1.00  advanced
    1.79  x86-64 instead of -march=native;  1.18  AVX2;  1.10  AVX-512 with vectors of 256 bits
    1.10  without -ffast-math;  4.6  -O2
    1.00  loops unrolled;  1.00  OpenMP's simd pragmas heeded

Receivers are read from the one row of the grid they lie in, every third step, and interpolated along x by one matrix
product a shot; all that a shot needs outside the loops is 4 % of its time.
"""
