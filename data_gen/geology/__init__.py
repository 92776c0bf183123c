"""Random earth models: folded, faulted sediment layers, water, and salt."""

from data_gen.geology.model import EarthModel, History, build, check_stations, draw_history, random_model

__all__ = ["EarthModel", "History", "build", "check_stations", "draw_history", "random_model"]
