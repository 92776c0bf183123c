"""What the packages export does what its examples say."""

from __future__ import annotations

import doctest
import importlib
import inspect

import pytest


@pytest.mark.parametrize("package", ["data_gen", "training", "training.sqgn"])
def test_the_examples_of_what_a_package_exports_run_as_they_stand(package, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(package)
    finder = doctest.DocTestFinder(recurse=False)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    tried = 0
    for name in module.__all__:
        exported = getattr(module, name)
        assert inspect.getdoc(exported), f"{package}.{name} says nothing"
        for example in finder.find(exported, name, globs={}):
            tried += runner.run(example).attempted
    assert tried
    assert runner.summarize().failed == 0
