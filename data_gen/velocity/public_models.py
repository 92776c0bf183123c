"""Public velocity models known by their content, so that a folder of them is a survey outside the geology.

Two families far from the random models: Marmousi2 (Martin, Wiley and Marfurt 2006), tilted fault blocks
without much salt, and slices of the SEG/EAGE salt model, a ragged sheet in slow sediments with thin
reflectors.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PublicModel:
    """A published velocity model: its name, the spacing of its grid [m], and where it comes from."""

    name: str
    spacing: float
    source: str


_SEG = "SEG/EAGE 3-D salt model, CC BY 4.0"
_MARMOUSI = "Martin, Wiley and Marfurt 2006, The Leading Edge 25, free to use with attribution"

PUBLIC_MODELS = {
    "15ed8e6e1f5e639b3c61e36b3258d891c282dbbeaa47668682521407d3775d0c": PublicModel("Marmousi2", 7.5, _MARMOUSI),
    "c1face8221ca1f185c40df011857ff662cd86b5a64e8edb44e3e1428f86631b4": PublicModel("SEG/EAGE 1", 10.0, _SEG),
    "2c3a4fca18fd81b9137301fa3772aed1694bbd4710db78f4cbc3fa4a6460bc75": PublicModel("SEG/EAGE 3", 10.0, _SEG),
    "95d9317fc2b88a8b1ec47749f064a8f1a4ce8c75d411d732d799c56fbf94a11d": PublicModel("SEG/EAGE 4", 10.0, _SEG),
    "9f4ab4741de4634a3a43c2e810d5188cdca5c497f377bd10531f6b1da692d884": PublicModel("SEG/EAGE 8", 10.0, _SEG),
}
"""SHA-256 of a file -> the model in it."""
