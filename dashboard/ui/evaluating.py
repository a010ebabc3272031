"""Buttons that have versions evaluated, with their progress, and the choice of a class for curves."""

from __future__ import annotations

import streamlit as st

from dashboard import formatting, session
from dashboard.ui import controls, messages
from registry_core import Benchmark, Evaluation, ModelMetadata, RegistryError


def measure_button(model: ModelMetadata, benchmark: Benchmark, view: session.View, label: str) -> None:
    """The button that has a model evaluated."""
    if controls.button(label, "evaluate", model.model_name, view, key="measure", icon=":material/speed:"):
        measure(model, benchmark.name, view)


def measure(model: ModelMetadata, benchmark: str, view: session.View) -> None:
    """Have a model evaluated now, with its progress."""
    with st.status("Evaluating in a sandbox …", expanded=True) as progress:
        st.write(f"Loading the rows of {formatting.escaped(benchmark)}, without labels")
        st.write("Starting the sandbox: no network, no files, limited time and memory")
        try:
            evaluation = view.registry.evaluate(model.model_id, benchmark, actor=session.actor())
        except RegistryError as error:
            progress.update(label="Not evaluated", state="error")
            messages.show("error", formatting.escaped(str(error)))
            return
        progress.update(label="Evaluated", state="complete")
    tone: messages.Tone = "success" if evaluation.status == "measured" else "error"
    said = "is evaluated" if evaluation.status == "measured" else "could not be evaluated"
    messages.post(tone, f"**{model.version}** {said}: {formatting.escaped(evaluation.because)}.")
    st.rerun()


def measure_all(name: str, benchmark: Benchmark, view: session.View, *, key: str = "measure-all") -> None:
    """Have every version measured that was never tried on a benchmark, with a progress bar."""
    label = f"Evaluate all on {benchmark.name}"
    if not controls.button(label, "evaluate_all", name, view, key=key, icon=":material/speed:"):
        return
    bar = st.progress(0.0, text="Starting the sandbox …")

    def tell(done: int, of: int, evaluation: Evaluation) -> None:
        bar.progress(done / of, text=f"{done:,} of {of:,} evaluated; the last one: {evaluation.status}")

    try:
        found = view.registry.evaluate_all(name, benchmark.name, progress=tell, actor=session.actor())
    except RegistryError as error:
        messages.show("error", formatting.escaped(str(error)))
        return
    failed = sum(each.status == "failed" for each in found)
    if not found:
        messages.post("info", f"Every version is already evaluated on {formatting.escaped(benchmark.name)}.")
    else:
        tail = f"; {failed:,} failed; the Model page of each shows the reason" if failed else ""
        measured_now = formatting.count(len(found) - failed, "version")
        messages.post("warning" if failed else "success", f"{measured_now} evaluated{tail}.")
    st.rerun()


def class_choice(labels: list[str], *, key: str) -> str | None:
    """Which class's curves are shown, where there are several."""
    known = list(dict.fromkeys(labels))
    if len(known) < 2:
        return None
    return st.selectbox("Curves of class", known, key=key, width=220)
