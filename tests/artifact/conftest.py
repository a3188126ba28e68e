"""The small models, compiled once a session."""

from __future__ import annotations

import pytest
from artifact_models import MODELS, Built, compile_model

from tyc import runtime


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Built]:
    """Each model of `artifact_models`, compiled for this machine."""
    folder = tmp_path_factory.mktemp("models")
    return {name: compile_model(name, folder / f"{name}.so") for name in MODELS}


@pytest.fixture(params=list(MODELS))
def built(request: pytest.FixtureRequest, models: dict[str, Built]) -> Built:
    """One model after the other."""
    return models[request.param]


@pytest.fixture
def module(built: Built) -> runtime.Module:
    """The model's library, for two threads."""
    return runtime.load(built.path, threads=2)
