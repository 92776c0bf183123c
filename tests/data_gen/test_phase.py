"""Phases of gathers, against textbook pairs."""

from __future__ import annotations

import numpy as np
import pytest

from data_gen.phase import analytic, turn

TIME = np.arange(400) * 0.004
BURST = np.exp(-(((TIME - 0.8) / 0.1) ** 2))
WAVE = 2 * np.pi * 25 * (TIME - 0.8)


@pytest.mark.parametrize("degrees", [-150, -60, 30, 90, 180])
def test_a_burst_of_cosine_is_turned(degrees):
    """Its spectrum ends long before zero frequency: the envelope stays, and the carrier is turned."""
    turned = turn(BURST * np.cos(WAVE), degrees)
    np.testing.assert_allclose(turned, BURST * np.cos(WAVE + np.deg2rad(degrees)), atol=1e-6)


def test_turned_there_and_back_nothing_has_changed():
    gathers = np.random.default_rng(0).normal(size=(2, 3, 1)) * BURST * np.cos(WAVE)
    np.testing.assert_allclose(turn(turn(gathers, 70), -70), gathers, atol=1e-6)
    np.testing.assert_allclose(turn(gathers, 180), -gathers, atol=1e-6)


def test_the_analytic_signal_is_multiplied():
    wave = BURST * np.cos(WAVE)
    np.testing.assert_allclose(analytic(turn(wave, 40)), analytic(wave) * np.exp(1j * np.deg2rad(40)), atol=1e-6)
