"""Random earth models: folded, faulted sediment layers, water, and salt."""

from data_gen.geology.families import FAMILIES, random_model
from data_gen.geology.model import EarthModel, History, build, check_stations, draw_history

__all__ = ["FAMILIES", "EarthModel", "History", "build", "check_stations", "draw_history", "random_model"]
