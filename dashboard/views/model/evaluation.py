"""The evidence on one model's page: what was evaluated, whose files are trusted, and what reviewers said."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard import formatting, permissions, session
from dashboard.ui import controls, evaluating, evaluation_frames, messages, tables
from registry_core import Evaluation, InvalidConfiguration, ModelMetadata, RegistryError

VERDICTS = {"Approve": "approved", "Request changes": "rejected", "Comment": "comment"}


def override(model: ModelMetadata) -> None:
    """The mark that an override leaves for ever."""
    if model.override_note:
        messages.show(
            "warning",
            f"**Marked at its promotion.** {formatting.escaped(model.override_note)}.",
        )


def measurement(model: ModelMetadata, view: session.View, *, offered: bool) -> None:
    """What the registry evaluated itself, and the button that has it evaluated, unless it is ``offered`` already."""
    benchmark, evaluation = view.benchmark(model.model_name), view.evaluation(model)
    if benchmark is None:
        messages.section("Not evaluated", "Only self-reported metrics (unverified) are known.")
        st.markdown("Not verified: this model name has no benchmark yet.")
        st.page_link("../pages/benchmarks.py", label="Add a benchmark", icon=":material/add_chart:")
        return
    name = formatting.escaped(benchmark.name)
    if evaluation is None and model.status in permissions.GONE:
        messages.section("Not evaluated", f"It is {permissions.GONE[model.status]}.")
        return
    if evaluation is None:
        messages.section("Not evaluated yet", f"{benchmark.rows:,} rows of {name} are ready for it.")
        if not offered:
            evaluating.measure_button(model, benchmark, view, f"Evaluate on {benchmark.name}")
        return
    if evaluation.status == "failed":
        messages.section("Evaluation failed", f"On {name}, {messages.when(evaluation.at)}.")
        messages.show("error", formatting.escaped(evaluation.because))
        evaluating.measure_button(model, benchmark, view, "Evaluate again")
        return
    messages.section(
        f"Evaluated on {evaluation.rows:,} rows of {formatting.visible(benchmark.name)}",
        f"Evaluated in the sandbox, {messages.when(evaluation.at)}; labels were withheld. "
        f"{formatting.microseconds(evaluation.row_microseconds)} per row.",
    )
    if evaluation.unenforced:
        messages.show(
            "warning", "The sandbox was not complete: " + formatting.escaped("; ".join(evaluation.unenforced))
        )
    overlap = evaluation.in_training
    if overlap is not None and overlap.found:
        said = formatting.escaped(formatting.sentence(overlap.sentence))
        messages.show(
            "warning", f"**Trained on rows of the benchmark.** {said} Its metrics here are probably too good."
        )
    elif overlap is not None:
        st.caption(formatting.escaped(formatting.sentence(overlap.sentence)))
    elif reason := model.lineage.get("training_data", {}).get("rows_unknown"):
        st.caption(f"Its training rows were not looked for in the benchmark: {formatting.escaped(reason)}.")
    left, right = st.columns([3, 2], gap="large")
    with left:
        lower = {metric: view.lower_is_better(model.model_name, metric) for metric in evaluation.metrics}
        tables.measured(evaluation_frames.metrics(evaluation, model.all_metrics(), lower), key="measured")
        evaluating.measure_button(model, benchmark, view, "Evaluate again")
    with right:
        _slices(evaluation)


def _slices(evaluation: Evaluation) -> None:
    if not evaluation.slices:
        st.caption("The benchmark has no slices.")
        return
    metric = next((name for name in evaluation.metrics if name != "rows"), "accuracy")
    st.markdown(f"**{formatting.metric(metric)} by slice**, the lowest first")
    frame = evaluation_frames.slices(evaluation, metric)
    # As high as the metrics beside it.
    tables.slices(frame, formatting.metric(metric), key="slices", most=max(4, len(evaluation.metrics)))


def trust(model: ModelMetadata, view: session.View) -> None:
    """What is not known in a quarantined file, and the way to trust it."""
    if model.artifact != "quarantined":
        return
    unknown = [str(name) for name in model.inspection.get("unknown", ())]
    with st.container(border=True, key="quarantine"):
        because = formatting.sentence(str(model.inspection.get("because", "")))
        st.markdown(f"**Quarantined.** {formatting.escaped(because)}")
        try:
            unknown = [each.sentence for each in view.registry.unknown_classes(model.model_id)]
        except InvalidConfiguration as error:
            # Such a name stays what it is, so there is nothing to decide.
            st.code("\n".join(unknown), language=None)
            st.markdown(formatting.escaped(formatting.sentence(str(error))))
            return
        st.code("\n".join(map(formatting.visible, unknown)) or "no names were recorded", language=None)
        st.markdown(
            "Trusting these names lets every model named "
            f"**{model.model_name}** load them, which runs their code wherever a model is loaded. "
            "Read that code first. To take it back, remove them from `trusted_globals` in the settings."
        )
        with st.form("trust", border=False):
            reason = st.text_input(
                "Reason (required): who read the code, and where", key="trust-reason", max_chars=2000
            )
            if controls.button(
                "Allow these imports", "trust", model.model_name, view, submit=True, icon=":material/verified_user:"
            ):
                _do(
                    lambda: view.registry.trust(model.model_id, actor=session.actor(), reason=(reason or "").strip()),
                    f"The file of **{model.version}** is trusted now.",
                )


def reviews(model: ModelMetadata, view: session.View) -> None:
    """What others said, in full."""
    found = evaluation_frames.reviews(view.reviews(model.model_id))
    if not found:
        return
    messages.section("Reviews", formatting.count(len(found), "review") + ".")
    for verdict, who, at, text in found:
        with st.container(border=True):
            st.markdown(f"**{verdict}** by {formatting.escaped(who)}, {messages.when(at)}")
            st.text(formatting.visible(text))


def review_form(model: ModelMetadata, view: session.View) -> None:
    """The form to approve, ask for changes or comment, behind a button."""
    with (
        st.popover("Review", icon=":material/rate_review:", key="review-popover"),
        st.form("review", border=False, clear_on_submit=True),
    ):
        may = [label for label, verdict in VERDICTS.items() if _may_review(model, verdict, view)]
        if not may:
            st.caption(permissions.role_refusal(view, "review", model.model_name, verdict="comment"))
        chosen = st.segmented_control("Your verdict", may, default=next(iter(may), None), key="review-verdict")
        text = st.text_area("What did you look at? (required)", key="review-text", max_chars=5000, height=80)
        if st.form_submit_button("Send review", icon=":material/rate_review:", disabled=not may):
            said = VERDICTS[chosen or "Comment"]
            _do(
                lambda: view.registry.review(model.model_id, said, (text or "").strip(), actor=session.actor()),
                f"Your review of **{model.version}** is kept.",
            )


def _may_review(model: ModelMetadata, verdict: str, view: session.View) -> bool:
    return permissions.role_refusal(view, "review", model.model_name, verdict=verdict) is None


def _do(act: Callable[[], object], told: str) -> None:
    try:
        act()
    except RegistryError as error:
        messages.show("error", f"Nothing was changed. {formatting.escaped(str(error))}")
        return
    messages.post("success", told)
    st.rerun()
