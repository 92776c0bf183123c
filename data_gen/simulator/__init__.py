"""The acoustic simulator. Importing any of it needs a C compiler: Devito looks for one when it is imported.

Devito is imported without the variables DEVITO_*, which are other programs' (and with DEVITO_MPI, or an unknown
compiler, it could not even be imported): how the simulator is compiled is said in `acoustic`.
"""

import os
import shutil
import sys

from data_gen.errors import MachineError


def require_compiler() -> None:
    """Raise MachineError where there is no C compiler."""
    if shutil.which("gcc") is None:
        raise MachineError("no C compiler: the simulator needs gcc on the PATH (for example: apt install gcc)")


def _import_devito() -> None:
    others = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("DEVITO_")}
    try:
        import devito  # noqa: F401 (its settings are made when it is imported first)
    except OSError as error:  # it compiles, and writes into the temporary folder
        raise MachineError(f"Devito cannot be loaded: {error}") from error
    finally:
        os.environ.update(others)


require_compiler()
if "devito" not in sys.modules:
    _import_devito()
