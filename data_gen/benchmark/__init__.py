"""`tomo benchmark simulator`: this simulator beside its peers, its worker beside the processor, a whole survey.

What was tried for its speed is in `docs/experiments.md`.
"""
