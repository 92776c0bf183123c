"""The command line of tomo: generate surveys, train networks, evaluate them."""

__version__ = "0.2.0"
