"""The curves of a version over those of the champion: ROC, precision-recall, calibration, or residuals."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import formatting, session
from dashboard.ui import charts, curves, evaluating, evaluation_frames, figures, insight_charts, messages
from registry_core import Curve, ModelMetadata


def section(model: ModelMetadata, other: ModelMetadata | None, view: session.View) -> None:
    """All curves on the same rows; the champion in its own colour."""
    models = [model, *([other] if other is not None else [])]
    champion = next((each.model_id for each in models if each.is_active), None)
    shades = charts.colours([each.model_id for each in models], champion)
    labels = evaluation_frames.labels_of(models)
    messages.section("Curves", anchor="curves")
    benchmark = view.benchmark(model.model_name)
    if benchmark is not None and benchmark.task == "regression":
        _residuals(models, labels, shades, view)
        return
    known = [view.curves(each.model_id) for each in models]
    if known[0][1] is None:
        st.caption("The stored predictions are missing. Evaluate the version again.")
        return
    found = {label: each[0] for label, each in zip(labels, known, strict=True) if each[0]}
    colours = [shade for label, shade in zip(labels, shades, strict=True) if label in found]
    chosen = evaluating.class_choice(
        [str(curve.details.get("class")) for each in found.values() for curve in each], key="class"
    )
    st.markdown(
        f"**{formatting.escaped(_calibrated(found, chosen))}**" if found else "**No probabilities, no curves.**"
    )
    places = st.columns(4 if found else 2)
    for place, kind in zip(places, curves.CURVES if found else (), strict=False):
        figure = curves.overlaid(kind, found, colours, chosen)
        figure.update_layout(height=250)
        with place:
            figures.show(figure, key=f"own-{kind}", alt=f"{curves.CURVES[kind][0]} curves of {', '.join(found)}")
    confusion = known[0][1]
    figure = curves.confusion(confusion.classes, confusion.counts)
    if len(confusion.classes) <= 6:
        figure.update_layout(height=min(figure.layout["height"], 250))
    with places[3 if found else 0]:
        figures.show(figure, key="confusion", alt=f"Confusion matrix of {model.version}")


def _calibrated(found: dict[str, tuple[Curve, ...]], label: str | None) -> str:
    """How far probabilities are off, and the average precision, of each version."""
    parts = []
    for version, curves_of in found.items():
        mine = {each.name: each for each in curves_of if label is None or each.details.get("class") == label}
        if "calibration" in mine:
            error = 100 * mine["calibration"].details["expected_error"]
            precision = mine["precision_recall"].details["average_precision"]
            parts.append(
                f"{version}: average precision {precision:.4f}, probabilities off by {error:.1f} pp on average"
            )
    return formatting.sentence("; ".join(parts) or "no curves of this class")


def _residuals(
    models: Sequence[ModelMetadata], labels: Sequence[str], shades: Sequence[str], view: session.View
) -> None:
    """Mean residuals by prediction and by slice."""
    found = [
        view.insight(("residuals", each.model_id), lambda each=each: view.registry.residuals(each.model_id))
        for each in models
    ]
    if not found[0][0]:
        st.caption(formatting.escaped(formatting.sentence(found[0][1] or "no residuals")))
        return
    known = [(label, mine[0], shade) for label, mine, shade in zip(labels, found, shades, strict=True) if mine[0]]
    st.markdown(f"**{formatting.escaped(_bias(known[0][1][0]))}**")
    for start in range(0, min(len(found[0][0]), 4), 2):
        for place, at in zip(st.columns(2, gap="large"), range(start, len(found[0][0])), strict=False):
            several = [(label, mine[at], shade) for label, mine, shade in known if at < len(mine)]
            across = str(several[0][1].details.get("column", "prediction"))
            figure = insight_charts.residuals(several, formatting.visible(across))
            with place:
                figures.show(figure, key=f"residuals-{at}", alt=f"Mean residuals by {formatting.visible(across)}")


def _bias(curve: Curve) -> str:
    """Where predictions are too high or too low, by the bin that is furthest off."""
    clear = [
        (abs(y), x, y)
        for x, y, low, high in zip(curve.x, curve.y, curve.details["low"], curve.details["high"], strict=True)
        if low is not None and not low <= 0 <= high
    ]
    if not clear:
        return "No tenth of the predictions is clearly too high or too low."
    _, x, y = max(clear)
    how = "too low" if y > 0 else "too high"
    return f"Predictions around {x:.4g} are {how} by {abs(y):.4g} on average, the most of any tenth."
