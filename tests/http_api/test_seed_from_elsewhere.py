"""The seed's snippets through a server: the same calls, scores and predictions, once a reviewer has approved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from registry_core import NoModelAvailable, Registry
from tests.http_api.serving import in_a_thread
from tests.test_seed import TEST, register


@pytest.mark.full
def test_the_seed_from_training_to_prediction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_REGISTRY_CACHE", str(tmp_path / "cache"))
    forest = RandomForestClassifier(n_estimators=20, random_state=0)
    with (
        Registry(tmp_path / "local") as local,
        Registry(tmp_path / "served", actor="the owner") as own,
        in_a_thread(own) as (address, _),
        Registry(address) as registry,
    ):
        with pytest.raises(NoModelAvailable, match="No models available in registry"):
            registry.load_best_model()
        for kind in (local, registry):
            register(kind, LogisticRegression(max_iter=1000), "LogisticRegression")
            register(kind, forest, "RandomForest")
        assert _comparison(registry) == _comparison(local)

        # Whoever uploads cannot put a model into production by metrics of their own: another person approves it.
        assert registry.get_best_model_id() is None
        (best, _) = registry.get_model_comparison()
        own.review(best["model_id"], "approved", "looked at it")
        assert registry.get_best_model_id() == best["model_id"]
        model, scaler, metadata = registry.load_best_model(fresh=True)
        assert (metadata.model_id, metadata.model_type) == (best["model_id"], "RandomForest")
        theirs, scaled, _ = local.load_best_model()
        np.testing.assert_array_equal(
            model.predict_proba(scaler.transform(TEST)), theirs.predict_proba(scaled.transform(TEST))
        )


def _comparison(registry: Registry) -> list[dict[str, Any]]:
    """What is compared, without ids and times, and without who is champion."""
    own = ("model_name", "model_type", "accuracy", "auc", "f1_score", "composite_score")
    return [{name: row[name] for name in own} for row in registry.get_model_comparison(limit=10)]
