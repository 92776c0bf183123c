"""Networks as plain Keras functions, and their registry. They know nothing of surveys, files or training."""
