"""What comes from outside, and what the registry measures itself."""

from __future__ import annotations

import pickle
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from .story_actions import ANNA, HOLDOUT, JONAS, PARTNER, Story, title
from .training import measure, train


def send_in(story: Story) -> None:
    """Two files from a partner: one the registry knows all names of, and one it does not."""
    import joblib

    rows, holdout = (story.weather.years(*span, derived=True) for span in ((1949, 1989), (1990, 1994)))
    parameters = {"C": 0.1, "max_iter": 500}
    fitted = train("LogisticRegression", parameters, rows)
    with tempfile.TemporaryDirectory() as outside:
        paths = [Path(outside) / name for name in ("rain.joblib", "rain_scaler.joblib")]
        for part, path in zip(fitted, paths, strict=True):
            joblib.dump(part, path)
        model_id = story.registry.upload(
            *paths,
            metadata={
                "model_name": "OffuttRain",
                "model_type": "LogisticRegression",
                "performance_metrics": measure(fitted, holdout),
                "training_info": {
                    "training_samples": len(rows),
                    "data_quality_score": rows.quality,
                    "trained_on": rows.label,
                },
                "feature_names": list(rows.names),
                "hyperparameters": parameters,
                "evaluation_set": HOLDOUT,
                "description": "Uploaded by a partner, with self-reported metrics.",
                "tags": ["partner"],
            },
            actor=PARTNER,
            reason="Our candidate, trained on everything up to 1989",
        )
        story.say(f"{title(story.registry.get_metadata(model_id))} uploaded by partner-lab: awaiting review")
        stranger = story.registry.upload(
            unknown_to_the_registry(Path(outside) / "odds.pkl"),
            metadata={
                "model_name": "OffuttRain",
                "model_type": "RainOdds",
                "evaluation_set": HOLDOUT,
                "description": "Uploaded by a partner; its class is in their own package.",
                "tags": ["partner"],
            },
            actor=PARTNER,
            reason="Our own estimator",
        )
    story.say(f"{title(story.registry.get_metadata(stranger))} uploaded by partner-lab: quarantined")


def add_holdouts(story: Story) -> None:
    """The names trained on scikit-learn's sets are evaluated on the quarter that no version was trained on."""
    for model_name, (_, holdout) in story.splits.items():
        benchmark = story.registry.add_benchmark(
            f"{holdout.label.replace('_', '-')}-holdout",
            model_name,
            holdout.frame("target"),
            "target",
            features=list(holdout.names),
            actor=ANNA,
            reason="The rows that no version was trained on",
        )
        found = story.registry.evaluate_all(model_name, actor=ANNA, reason="Added the benchmark")
        story.say(f"anna.kovacs adds the benchmark {benchmark.name}: {len(found)} versions of {model_name} evaluated")


def measure_all(story: Story) -> None:
    """The registry measures every version on the years after the holdout; what it finds may refuse the next ones."""
    import numpy as np
    import pandas as pd

    rows = story.weather.years(1995, 1996, derived=True)
    frame = pd.DataFrame(rows.inputs, columns=list(rows.names)).assign(rain=rows.target)
    wind = frame["mean_wind_speed"]
    frame["wind"] = np.where(wind > wind.median(), "windy", "calm")
    benchmark = story.registry.add_benchmark(
        "offutt-1995-1996",
        "OffuttRain",
        frame,
        "rain",
        features=list(rows.names),
        slices=["wind"],
        protected=["wind"],
        actor=ANNA,
        reason="The two years in which the model of 1985 to 1989 degraded. No person is in these rows; the groups by "
        "wind show whether rain is missed more often on calm days than on windy ones",
    )
    story.registry.configure(
        "OffuttRain",
        actor=ANNA,
        reason="No version is promoted that may be two points worse than the champion on 1995 and 1996. Costs are an "
        "assumption, as in the cost-loss model of forecasting: a day of protection costs 1, rain without it 5",
        gates={"not_worse_than_champion": 0.02, "benchmark_required": True},
        outcome_values={"hit": -1, "false_alarm": -1, "miss": -5},
    )
    story.say(f"anna.kovacs adds the benchmark {benchmark.name}; every version of OffuttRain is evaluated on it ...")
    found = story.registry.evaluate_all("OffuttRain", actor=ANNA, reason="Added the benchmark")
    failed = sum(each.status == "failed" for each in found)
    story.say(f"{len(found) - failed} versions evaluated" + (f", {failed} failed" if failed else ""))
    best = story.registry.get_model_comparison(1, "OffuttRain", order_by="measured:accuracy")[0]
    accuracy = best["measured"]["accuracy"]
    story.registry.review(
        best["model_id"], "comment", f"Best of all on 1995 and 1996, with accuracy {accuracy:.3f}.", actor=JONAS
    )
    explain(story, "OffuttRain")
    story.registry.write_model_card(
        "OffuttRain",
        purpose="Tells from the other measurements of a day at Offutt Air Force Base whether it rained.",
        limits="One station, 1949 to 1998. It knows the measurements of the whole day, so it does not forecast.",
        owner=ANNA,
        risk_tier="low: a demo, no decision depends on it",
        actor=ANNA,
    )


def explain(story: Story, model_name: str) -> None:
    """What the version that comes closest to the champion relies on, beside the champion."""
    registry = story.registry
    ranked = registry.get_model_comparison(None, model_name, order_by="measured:accuracy")
    closest = next(row["model_id"] for row in ranked if row["measured"] and not row["is_active"])
    impact = registry.measure_feature_impact(closest, actor=JONAS)
    story.say(f"{title(registry.get_metadata(closest))}: {impact.sentence}")


def unknown_to_the_registry(path: Path) -> Path:
    """A model of a class that only its maker has."""
    theirs: Any = ModuleType("partner_lab_models")
    theirs.RainOdds = type(
        "RainOdds", (), {"__module__": theirs.__name__, "predict": lambda self, rows: [0] * len(rows)}
    )
    sys.modules[theirs.__name__] = theirs
    try:
        path.write_bytes(pickle.dumps(theirs.RainOdds(), protocol=5))
    finally:
        del sys.modules[theirs.__name__]
    return path
