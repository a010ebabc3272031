"""The evidence on one model's page: gates, what was measured, whose files are trusted, and what reviewers said."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard import charts, curves, measured, notices, session, tables, wording
from registry_core import Benchmark, Evaluation, InvalidConfiguration, ModelMetadata, RegistryError

VERDICTS = {"Comment": "comment", "Approve": "approved", "Reject": "rejected"}


def override(model: ModelMetadata) -> None:
    """The mark that an override leaves for ever."""
    if model.override_note:
        notices.show(
            "warning",
            f"**Marked at its promotion.** {wording.escaped(model.override_note)}.",
        )


def gates(model: ModelMetadata, view: session.View) -> None:
    """The checklist before promotion."""
    report = view.gates(model.model_id)
    failed = len(report.failures)
    held = "all hold" if not failed else f"{failed} of {len(report.gates)} failed"
    notices.section(
        f"Gates: {held}", "What has to hold before it may go into production. Settings say which are asked."
    )
    with st.container(border=True, key="gates"):
        for gate in report.gates:
            mark = ":green[✓]" if gate.passed else ":red[✕]"
            name = wording.escaped(gate.name[:1].upper() + gate.name[1:])
            remedy = f" *{wording.escaped(wording.sentence(gate.remedy))}*" if gate.remedy else ""
            st.markdown(f"{mark} **{name}**: {wording.escaped(gate.because)}.{remedy}")


def measurement(model: ModelMetadata, view: session.View) -> None:
    """What the registry measured itself, and the button that has it measured."""
    benchmark, evaluation = view.benchmark(model.model_name), view.evaluation(model)
    if benchmark is None:
        notices.section("Not measured", "The metrics above are what was reported.")
        st.markdown("Nobody has checked them: there is no benchmark for this model name yet.")
        st.page_link("../pages/benchmarks.py", label="Add a benchmark", icon=":material/add_chart:")
        return
    name = wording.escaped(benchmark.name)
    if evaluation is None and model.status in wording.GONE:
        notices.section("Not measured", f"It is {wording.GONE[model.status]}.")
        return
    if evaluation is None:
        notices.section("Not measured yet", f"{benchmark.rows:,} rows of {name} wait for it.")
        measure_button(model, benchmark, view)
        return
    if evaluation.status == "failed":
        notices.section("Measuring it failed", f"On {name}, {notices.when(evaluation.at)}.")
        notices.show("error", wording.escaped(evaluation.because))
        measure_button(model, benchmark, view, again=True)
        return
    notices.section(
        f"Measured on {evaluation.rows:,} rows of {wording.visible(benchmark.name)}",
        f"By the registry itself, {notices.when(evaluation.at)}; the model never saw the truth. "
        f"{wording.microseconds(evaluation.row_microseconds)} a row.",
    )
    if evaluation.unenforced:
        notices.show("warning", "The sandbox was not complete: " + wording.escaped("; ".join(evaluation.unenforced)))
    left, right = st.columns([3, 2], gap="large")
    with left:
        lower = {metric: view.lower_is_better(model.model_name, metric) for metric in evaluation.metrics}
        tables.measured(measured.metrics(evaluation, model.all_metrics(), lower), key="measured")
        measure_button(model, benchmark, view, again=True)
    with right:
        _slices(evaluation)
    _own_curves(model, view)


def measure_button(model: ModelMetadata, benchmark: Benchmark, view: session.View, *, again: bool = False) -> None:
    """Have a model measured now, with its progress."""
    label = "Measure again" if again else f"Measure on {benchmark.name}"
    if not st.button(label, key="measure", icon=":material/speed:", type="secondary" if again else "primary"):
        return
    with st.status("Measuring in a process of its own …", expanded=True) as progress:
        st.write(f"Loading {benchmark.rows:,} rows of {wording.escaped(benchmark.name)}, without the truth")
        st.write("Starting the sandbox: no network, no files, bounded time and memory")
        try:
            evaluation = view.registry.evaluate(model.model_id, benchmark.name, actor=session.actor())
        except RegistryError as error:
            progress.update(label="It was not measured", state="error")
            notices.show("error", wording.escaped(str(error)))
            return
        progress.update(label="Measured", state="complete")
    tone: notices.Tone = "success" if evaluation.status == "measured" else "error"
    said = "is measured" if evaluation.status == "measured" else "could not be measured"
    notices.post(tone, f"**{model.version}** {said}: {wording.escaped(evaluation.because)}.")
    st.rerun()


def measure_all(name: str, benchmark: Benchmark, view: session.View, *, key: str = "measure-all") -> None:
    """Have every version measured that was never tried on a benchmark, with a progress bar."""
    if not st.button(f"Measure all versions on {benchmark.name}", key=key, icon=":material/speed:"):
        return
    bar = st.progress(0.0, text="Starting the sandbox …")

    def tell(done: int, of: int, evaluation: Evaluation) -> None:
        bar.progress(done / of, text=f"{done:,} of {of:,} measured; the last one: {evaluation.status}")

    try:
        found = view.registry.evaluate_all(name, benchmark.name, progress=tell, actor=session.actor())
    except RegistryError as error:
        notices.show("error", wording.escaped(str(error)))
        return
    failed = sum(each.status == "failed" for each in found)
    if not found:
        notices.post("info", f"Every version was tried on {wording.escaped(benchmark.name)} already.")
    else:
        tail = f"; {failed:,} could not be, each says why on its page" if failed else ""
        measured_now = wording.count(len(found) - failed, "version")
        notices.post("warning" if failed else "success", f"{measured_now} measured{tail}.")
    st.rerun()


def _slices(evaluation: Evaluation) -> None:
    if not evaluation.slices:
        st.caption("The benchmark has no slices.")
        return
    metric = next((name for name in evaluation.metrics if name != "rows"), "accuracy")
    st.markdown(f"**{wording.metric(metric)} by slice**, the lowest first")
    tables.slices(measured.slices(evaluation, metric), wording.metric(metric), key="slices")


def _own_curves(model: ModelMetadata, view: session.View) -> None:
    found, confusion = view.curves(model.model_id)
    if confusion is None:
        return
    label = class_choice([str(curve.details.get("class")) for curve in found], key="class")
    shade = charts.colours([model.model_id], model.model_id if model.is_active else None)
    places = st.columns(3)
    for place, kind in zip(places, ("roc", "calibration"), strict=False):
        if found:
            figure = curves.overlaid(kind, {model.version: found}, shade, label)
            place.plotly_chart(figure, config=charts.CONFIG, key=f"own-{kind}", alt=f"{curves.CURVES[kind][0]} curve")
    figure = curves.confusion(confusion.classes, confusion.counts)
    places[2 if found else 0].plotly_chart(figure, config=charts.CONFIG, key="confusion", alt="Confusion matrix")


def class_choice(labels: list[str], *, key: str) -> str | None:
    """Which class's curves are shown, where there are several."""
    known = list(dict.fromkeys(labels))
    if len(known) < 2:
        return None
    return st.selectbox("Curves of class", known, key=key, width=220)


def trust(model: ModelMetadata, view: session.View) -> None:
    """What is not known in a quarantined file, and the way to trust it."""
    if model.artifact != "quarantined":
        return
    unknown = [str(name) for name in model.inspection.get("unknown", ())]
    with st.container(border=True, key="quarantine"):
        because = wording.sentence(str(model.inspection.get("because", "")))
        st.markdown(f"**Quarantined.** {wording.escaped(because)}")
        try:
            unknown = [each.sentence for each in view.registry.unknown_classes(model.model_id)]
        except InvalidConfiguration as error:
            # Such a name stays what it is, so there is nothing to decide.
            st.code("\n".join(unknown), language=None)
            st.markdown(wording.escaped(wording.sentence(str(error))))
            return
        st.code("\n".join(map(wording.visible, unknown)) or "no names were recorded", language=None)
        st.markdown(
            "Trusting these names lets every model named "
            f"**{model.model_name}** load them, which runs their code wherever a model is loaded. "
            "Read that code first. To take it back, remove them from `trusted_globals` in the settings."
        )
        with st.form("trust", border=False):
            reason = st.text_input(
                "Reason (required): who read the code, and where", key="trust-reason", max_chars=2000
            )
            if st.form_submit_button("Trust these names", icon=":material/verified_user:"):
                _do(
                    lambda: view.registry.trust(model.model_id, actor=session.actor(), reason=(reason or "").strip()),
                    f"The file of **{model.version}** is trusted now.",
                )


def reviews(model: ModelMetadata, view: session.View) -> None:
    """What others said, and the form to say something."""
    found = measured.reviews(view.reviews(model.model_id))
    notices.section(
        "Reviews", wording.count(len(found), "word") + " so far." if found else "Nobody has said anything yet."
    )
    for verdict, who, at, text in found:
        with st.container(border=True):
            st.markdown(f"**{verdict}** by {wording.escaped(who)}, {notices.when(at)}")
            st.text(wording.visible(text))
    with st.form("review", border=False, clear_on_submit=True):
        chosen = st.segmented_control("Your verdict", list(VERDICTS), default="Comment", key="review-verdict")
        text = st.text_area("In words (required)", key="review-text", max_chars=5000, height=80)
        if st.form_submit_button("Add review", icon=":material/rate_review:"):
            said = VERDICTS[chosen or "Comment"]
            _do(
                lambda: view.registry.review(model.model_id, said, (text or "").strip(), actor=session.actor()),
                f"Your review of **{model.version}** is kept.",
            )


def _do(act: Callable[[], object], told: str) -> None:
    try:
        act()
    except RegistryError as error:
        notices.show("error", f"Nothing was changed. {wording.escaped(str(error))}")
        return
    notices.post("success", told)
    st.rerun()
