"""The parts of the Compare page: two to five versions, on what was measured and on what they are made of."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import formatting, navigation, session
from dashboard.queries import MOST_COMPARED, ids
from dashboard.ui import (
    charts,
    curves,
    evaluating,
    evaluation_frames,
    figures,
    frames,
    messages,
    model_decisions,
    promotion_verdict,
    tables,
)
from registry_core import ModelMetadata, Paired


def chosen(name: str, view: session.View) -> list[ModelMetadata]:
    """The versions of the address, chosen from those of the model name; the champion and the best to begin with."""
    rows = view.history(name)
    known = {row["model_id"]: row["version"] for row in reversed(rows)}
    wanted = [each for each in ids(st.query_params.get("ids")) if each in known]
    if not wanted and "compare-ids" not in st.session_state:
        summary = view.summary(name)
        start = [summary.champion.model_id] if summary and summary.champion else []
        start += [each for each in [summary.best_model_id if summary else None, *known] if each]
        wanted = [each for each in dict.fromkeys(start) if each in known][:2]
    if st.session_state.get("compare-of") != (name, st.query_params.get("ids")):
        st.session_state["compare-ids"] = wanted
    picked: list[str] = st.multiselect(
        "Versions to compare (the first is the baseline)",
        list(known),
        format_func=lambda model_id: known.get(model_id, model_id),
        key="compare-ids",
        max_selections=MOST_COMPARED,
    )
    text = ",".join(picked)
    if st.query_params.get("ids") != text and text:
        st.query_params["ids"] = text
    st.session_state["compare-of"] = (name, st.query_params.get("ids"))
    return [view.metadata(each) for each in picked]


def verdicts(models: Sequence[ModelMetadata], view: session.View) -> list[tuple[ModelMetadata, Paired]]:
    """Each of the others against the first, in a sentence; gives what was evaluated on the same rows.

    Against the champion it is the verdict that every page shows.
    """
    first, found = models[0], []
    for model in models[1:]:
        paired = view.paired(first.model_id, model.model_id)
        if paired is not None:
            found.append((model, paired))
        if first.is_active:
            verdict = promotion_verdict.of_version(model, view)
            promotion_verdict.show(verdict)
            with st.container(horizontal=True, gap="small"):
                st.button(
                    f"Open {model.version}",
                    key=f"open-{model.model_id}",
                    icon=":material/open_in_full:",
                    on_click=navigation.go,
                    args=("model", model.model_name, model.model_id),
                )
                model_decisions.main_decision(model, verdict, view)
            continue
        if paired is None:
            continue
        primary = paired.differences.get(paired.primary)
        says = primary.verdict if primary else "no clear difference"
        tones: dict[str, messages.Tone] = {"better": "success", "worse": "warning"}
        how = "shows" if says == "no clear difference" else "is"
        messages.show(tones.get(says, "info"), f"**{model.version}** {how} {formatting.escaped(paired.sentence)}.")
    return found


def to_measure(models: Sequence[ModelMetadata], view: session.View) -> None:
    """Say which are not measured on the benchmark that counts, and offer to measure them."""
    name = models[0].model_name
    benchmark = view.benchmark(name)
    if benchmark is None:
        messages.show("info", "This model name has no benchmark: only self-reported metrics can be compared.")
        st.page_link("../pages/benchmarks.py", label="Add a benchmark", icon=":material/add_chart:")
        return
    for each in models:
        found = view.evaluation(each)
        if found is not None and found.status == "failed":
            where = f"{formatting.escaped(benchmark.name)}: {formatting.escaped(found.because)}"
            messages.show("warning", f"**{each.version}** could not be evaluated on {where}")
    missing = [each.version for each in models if view.evaluation(each) is None and each.artifact == "trusted"]
    held = [each.version for each in models if view.evaluation(each) is None and each.artifact != "trusted"]
    if held:
        messages.show("info", f"Quarantined and not evaluated: {', '.join(held)}. Evaluate it on its own page.")
    if missing:
        shown = ", ".join(missing)
        messages.show(
            "warning", f"Not evaluated on {formatting.escaped(benchmark.name)}: {shown}. Evaluate to compare them."
        )
        evaluating.measure_all(name, benchmark, view)


def metrics(models: Sequence[ModelMetadata], found: Sequence[tuple[ModelMetadata, Paired]], view: session.View) -> None:
    """Measured metrics side by side, and the differences with their intervals."""
    evaluations = [view.evaluation(each) for each in models]
    if not any(each and each.status == "measured" for each in evaluations):
        return
    benchmark = view.benchmark(models[0].model_name)
    assert benchmark is not None
    for model, paired in found:
        frame = evaluation_frames.differences(paired.differences)
        rows = next(iter(paired.differences.values())).rows if paired.differences else 0
        messages.section(
            f"{model.version} against {models[0].version}",
            f"Both predicted the same {rows:,} rows; the lines are the 95% intervals of the difference.",
        )
        left, right = st.columns(2, gap="large")
        shade = charts.colours([model.model_id], models[0].model_id if models[0].is_active else None)[0]
        with left:
            figure = curves.differences(frame, shade)
            figures.show(figure, key=f"gap-{model.model_id}", alt="Differences with their intervals")
        with right:
            tables.differences(frame, key=f"gap-{model.model_id}")
        _slices_and_changes(model, models[0], paired)
    messages.section(f"Evaluated on {formatting.visible(benchmark.name)}", "Each version with its 95% intervals.")
    tables.plain(
        evaluation_frames.side_by_side(models, evaluations), key="measured-side", alt="Evaluated metrics side by side"
    )


def _slices_and_changes(model: ModelMetadata, first: ModelMetadata, paired: Paired) -> None:
    metric = paired.primary
    left, right = st.columns(2, gap="large")
    with left:
        if paired.slices:
            st.markdown(f"**{formatting.metric(metric)} by slice**: where {model.version} loses comes first")
            frame = evaluation_frames.slice_differences(paired.slices, metric)
            tables.differences(frame, key=f"slices-{model.model_id}", rows=True)
        else:
            st.caption("The benchmark has no slices of 30 rows or more.")
    with right:
        changed = paired.disagreements
        differ = "differs" if len(changed.changed) == 1 else "differ"
        st.markdown(f"**{formatting.count(len(changed.changed), 'prediction')} {differ}**")
        st.text(
            f"Only {first.version} correct: {changed.only_first_right:,}\n"
            f"Only {model.version} correct: {changed.only_second_right:,}"
        )
        if changed.largest:
            st.caption("Benchmark rows with the largest change, counted from 0")
            tables.moved(changed.largest, key=f"moved-{model.model_id}")


def overlaid(models: Sequence[ModelMetadata], view: session.View) -> None:
    """The curves of all measured versions on one plane."""
    known = [each for each in models if (found := view.evaluation(each)) and found.status == "measured"]
    by_model = {
        label: view.curves(each.model_id)[0]
        for label, each in zip(evaluation_frames.labels_of(known), known, strict=True)
    }
    if not any(by_model.values()):
        return
    messages.section("Curves", "One line a version, over the same rows.")
    label = evaluating.class_choice(
        [str(curve.details.get("class")) for found in by_model.values() for curve in found], key="compare-class"
    )
    champion = next((each.model_id for each in models if each.is_active), None)
    shades = charts.colours([each.model_id for each in known], champion)
    for place, kind in zip(st.columns(3), curves.CURVES, strict=True):
        figure = curves.overlaid(kind, by_model, shades, label)
        with place:
            figures.show(figure, key=f"curves-{kind}", alt=f"{curves.CURVES[kind][0]} curves")


def made_of(models: Sequence[ModelMetadata], view: session.View) -> None:
    """What was reported, and what differs of inputs, classes and hyperparameters."""
    comparison = view.compare([each.model_id for each in models])
    messages.section("Self-reported", formatting.escaped(comparison.note))
    tables.metrics(frames.metric_comparison(comparison), key="reported-side", alt="Reported metrics side by side")
    differing = frames.differences(comparison)
    messages.section("Other differences")
    if len(differing):
        tables.plain(differing, key="differences", alt="Differences in type, features and hyperparameters")
    else:
        st.caption("Type, features, classes and hyperparameters are the same.")
