"""The acoustic simulator. Importing any of it needs a C compiler: Devito looks for one when it is imported."""

import shutil

from data_gen.errors import MachineError


def require_compiler() -> None:
    """Raise MachineError where there is no C compiler."""
    if shutil.which("gcc") is None:
        raise MachineError("no C compiler: the simulator needs gcc on the PATH (for example: apt install gcc)")


require_compiler()
