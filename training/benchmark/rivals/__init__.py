"""SQGN beside the optimizers that people use, at equal time: tasks, contenders, tuning, and what became of it."""
