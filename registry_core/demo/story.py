"""What happened: models trained over the years, promoted, refused, rejected, rolled back, sent in from outside."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from registry_core import Registry

from . import evidence
from .airport import Airport
from .story_actions import ANNA, JONAS, PIPELINE, Clock, Story, figures

_BOOSTING = {"max_iter": 60, "max_leaf_nodes": 15, "learning_rate": 0.1}
_FOREST = {"n_estimators": 40, "max_depth": 9, "min_samples_leaf": 8}


def tell(folder: Path, say: Callable[[str], None], now: datetime) -> None:
    """Fill the registry in an empty folder, its history ending at ``now``."""
    say("Reading fifty years of weather and opening an empty registry ...")
    # Before the limit below: it reaches only libraries that are loaded.
    import sklearn.ensemble  # noqa: F401
    from threadpoolctl import threadpool_limits

    clock = Clock(now)
    clock.at(215, 8, 30)
    # The models are small: handing them from thread to thread takes longer than fitting them, on two cores much longer.
    with threadpool_limits(limits=1), Registry(folder, clock=clock, actor=PIPELINE) as registry:
        story = Story(registry, clock, say)
        _first_champions(story)
        digits_best = _digits(story)
        steady, fragile = _a_fragile_champion(story)
        clock.at(61, 16, 20)
        airport = Airport.open(story)
        _rollback(story, steady, fragile)
        _after_the_rollback(story, digits_best)
        airport.close()


def _first_champions(story: Story) -> None:
    clock, registry = story.clock, story.registry
    clock.at(208, 9, 12)
    story.offutt("LogisticRegression", {"max_iter": 500}, 1949, 1953)
    clock.at(196, 13, 5)
    registry.configure(
        "TumourScreen",
        actor=ANNA,
        reason="A missed tumour costs more than a false alarm, and differences in the third decimal are noise on "
        "143 cases",
        performance_weight={"recall": 0.5, "auc": 0.3, "accuracy": 0.1, "data_quality": 0.1},
        selection_margin=0.002,
    )
    story.say("TumourScreen: recall counts half, and a challenger must win by 0.002 (set by anna.kovacs)")
    clock.at(195, 10, 40)
    baseline = story.from_split(
        "TumourScreen", "breast_cancer", "Dummy", {}, "Always predicts benign: the baseline that any model must beat."
    )
    clock.at(194, 11, 2)
    story.from_split("TumourScreen", "breast_cancer", "SVC", {"C": 1.0, "kernel": "rbf"}, "Radial basis functions.")
    clock.at(193, 9, 30)
    registry.archive(baseline, actor=ANNA, reason="It was the baseline; it is not meant for production")
    clock.at(188, 9, 14)
    story.offutt("LogisticRegression", {"max_iter": 500}, 1949, 1958)
    clock.at(179, 14, 21)
    story.from_split(
        "TumourScreen", "breast_cancer", "MLP", {"hidden_layer_sizes": [30], "max_iter": 1000}, "One hidden layer."
    )
    clock.at(178, 10, 8)
    linear = story.from_split(
        "TumourScreen", "breast_cancer", "LogisticRegression", {"max_iter": 1000}, "The simplest that does the job."
    )
    clock.at(176, 14, 47)
    champion = registry.get_active_model_id("TumourScreen")
    old, new = (registry.get_metadata(str(each)) for each in (champion, linear))
    registry.promote(
        linear,
        expected_champion=champion,
        actor=ANNA,
        reason=f"Recall {new.recall:.3f} against {old.recall:.3f} and accuracy {new.accuracy:.3f} against "
        f"{old.accuracy:.3f} on the holdout: no difference. It returns probabilities, which the clinic needs",
    )
    story.say(f"anna.kovacs promotes {linear}")
    clock.at(172, 9, 11)
    story.offutt("RandomForest", _FOREST, 1949, 1958)
    clock.at(160, 9, 16)
    story.offutt("LogisticRegression", {"max_iter": 500}, 1959, 1968)


def _digits(story: Story) -> str:
    clock = story.clock
    parity = "Is the digit in the picture even?"
    clock.at(155, 10, 25)
    story.from_split("DigitParity", "digits", "RandomForest", {"n_estimators": 100}, parity)
    clock.at(153, 11, 40)
    story.from_split("DigitParity", "digits", "LogisticRegression", {"max_iter": 1000}, parity)
    clock.at(149, 9, 55)
    story.from_split("DigitParity", "digits", "KNeighbors", {"n_neighbors": 5}, parity)
    clock.at(144, 9, 13)
    story.offutt("HistGradientBoosting", _BOOSTING, 1949, 1968)
    clock.at(133, 13, 20)
    return story.from_split("DigitParity", "digits", "MLP", {"hidden_layer_sizes": [100], "max_iter": 300}, parity)


def _a_fragile_champion(story: Story) -> tuple[str, str]:
    clock, registry = story.clock, story.registry
    clock.at(126, 9, 10)
    story.offutt("GaussianNB", {}, 1969, 1978)
    clock.at(121, 10, 31)
    disease = "Disease progression in a year."
    story.from_split(
        "DiabetesProgression",
        "diabetes",
        "RandomForestRegressor",
        {"n_estimators": 60, "min_samples_leaf": 5},
        disease,
    )
    clock.at(112, 9, 12)
    steady = story.offutt("HistGradientBoosting", _BOOSTING, 1949, 1978)
    clock.at(104, 11, 18)
    story.from_split("DiabetesProgression", "diabetes", "LinearRegression", {}, disease)
    clock.at(97, 14, 3)
    story.add(
        "OffuttRain",
        "HistGradientBoosting",
        {**_BOOSTING, "max_iter": 40},
        story.weather.years(1949, 1968),
        story.weather.years(1975, 1979),
        "offutt-holdout-1970s",
        "Evaluated on the old holdout, 1975 to 1979: its score is not comparable with the others.",
        ("experiment",),
    )
    clock.at(84, 9, 15)
    story.offutt("LogisticRegression", {"max_iter": 500, "C": 0.5}, 1974, 1983)
    clock.at(77, 10, 44)
    story.from_split(
        "DiabetesProgression",
        "diabetes",
        "GradientBoostingRegressor",
        {"n_estimators": 60, "max_depth": 2},
        disease,
    )
    clock.at(62, 9, 9)
    fragile = story.offutt("HistGradientBoosting", _BOOSTING, 1985, 1989)
    if registry.get_active_model_id("OffuttRain") != fragile:
        raise RuntimeError("the demo's story needs the model of 1985 to 1989 to win on the holdout")
    return steady, fragile


def _rollback(story: Story, steady: str, fragile: str) -> None:
    clock, registry = story.clock, story.registry
    before, now, other = (
        registry.get_metadata(fragile).all_metrics(),
        story.live(fragile, 1995, 1996),
        story.live(steady, 1995, 1996),
    )
    clock.at(47, 2, 52)
    registry.rollback(
        "OffuttRain",
        steady,
        expected_champion=fragile,
        actor=JONAS,
        reason=f"Over 1995 and 1996 it fell to {figures(now)} (at promotion {figures(before)}). "
        f"{steady} holds {figures(other)} on the same days. It was trained on five years only",
    )
    story.say(
        f"OffuttRain: accuracy {before['accuracy']:.3f} -> {now['accuracy']:.3f} on 1995-1996; "
        f"jonas.okafor rolls back to {steady} ({other['accuracy']:.3f})"
    )
    clock.at(47, 8, 35)
    registry.configure(
        "OffuttRain",
        actor=ANNA,
        reason="After the rollback: a better score on the holdout is not enough, a person checks later years first",
        auto_select_best=False,
    )
    clock.at(40, 9, 11)
    forest = story.offutt("RandomForest", _FOREST, 1980, 1989)
    clock.at(38, 13, 26)
    registry.reject(
        forest,
        actor=ANNA,
        reason=f"Fails like the model we rolled back: {figures(story.live(forest, 1995, 1996))} over 1995 and 1996",
    )
    story.say(f"anna.kovacs rejects {forest}")


def _after_the_rollback(story: Story, digits_best: str) -> None:
    clock, registry = story.clock, story.registry
    clock.at(33, 10, 15)
    champion = str(registry.get_active_model_id("DigitParity"))
    forest, network = registry.get_metadata(champion), registry.get_metadata(digits_best)
    registry.configure(
        "DigitParity",
        actor=ANNA,
        reason=f"The forest leads by its ensemble bonus alone: accuracy {forest.accuracy:.4f} against "
        f"{network.accuracy:.4f} of the network",
        ensemble_bonus=0.0,
    )
    clock.at(33, 10, 22)
    registry.promote(
        digits_best,
        expected_champion=champion,
        actor=ANNA,
        reason=f"Best on the holdout without the bonus: accuracy {network.accuracy:.4f}, AUC {network.auc:.4f}",
    )
    story.say(f"DigitParity without ensemble bonus; anna.kovacs promotes {digits_best}")
    clock.at(26, 9, 10)
    wider = story.offutt("HistGradientBoosting", _BOOSTING, 1949, 1978, derived=True)
    clock.at(24, 14, 37)
    champion = str(registry.get_active_model_id("OffuttRain"))
    registry.promote(
        wider,
        expected_champion=champion,
        actor=ANNA,
        reason=f"Three further features help on the later years too: {figures(story.live(wider, 1995, 1996))}, the "
        f"champion {figures(story.live(champion, 1995, 1996))}. Callers have to send them from now on",
        override=True,
    )
    story.say(f"anna.kovacs promotes {wider}, although the gate for the champion's features fails")
    _tidying(story)
    clock.at(5, 9, 10)
    story.offutt("HistGradientBoosting", _BOOSTING, 1949, 1989, derived=True)
    clock.at(4, 14, 20)
    evidence.add_holdouts(story)
    clock.ago(3.2)
    evidence.send_in(story)
    clock.ago(1.1)
    story.offutt("LogisticRegression", {"max_iter": 500}, 1985, 1989, derived=True)
    clock.ago(0.6)
    evidence.measure_all(story)


def _tidying(story: Story) -> None:
    """Fewer versions are to be kept: the first stays, the next is thrown away by hand, the rest waits for somebody."""
    clock, registry = story.clock, story.registry
    clock.at(20, 15, 30)
    oldest = registry.list_models("OffuttRain", order_by="registered_at", descending=False, limit=2)
    registry.pin(oldest[0].model_id, actor=ANNA, reason="The first version: every report compares with it")
    registry.configure(
        "OffuttRain",
        actor=ANNA,
        reason="The old versions are not used any more",
        max_models_to_keep=6,
        retention={"keep_best": 2, "trash_days": 60},
    )
    clock.at(20, 15, 44)
    registry.delete(oldest[1].model_id, actor=ANNA, reason="Trained without the last five years of its period")
    story.say(
        "OffuttRain keeps six versions from now on, and always its first one; Maintenance shows which versions would "
        "be removed"
    )
