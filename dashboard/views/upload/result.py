"""The third step of an upload: what it will do, the button that does it, and what came of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from dashboard import formatting, navigation, permissions, session
from dashboard.ui import (
    controls,
    evaluation_frames,
    messages,
    model_decisions,
    promotion_verdict,
    tables,
    upload_fields,
)
from dashboard.views.upload.details import Metadata
from dashboard.views.upload.files import INSPECTED, ROUND, Files, number_of_round
from dashboard.views.upload.holdout import Holdout
from registry_core import ModelMetadata, RegistrationPlan, RegistryError, on_wait

#: Where the session keeps the name of the file that is being stored: still there in the next run, it was not.
_UPLOADING = "uploading"
#: In the session: the model id of the upload whose result is shown.
_UPLOADED = "uploaded"


def preview(given: Metadata | None, files: Files, holdout: Holdout, view: session.View) -> tuple[bool, Holdout]:
    """What the upload would do; whether it can be done, and the rows that the version can be evaluated on."""
    if given is None:
        st.markdown("The metadata cannot be read yet; see the message beside it.")
        return False, holdout
    missing = [
        what
        for what, there in (
            ("a model file", files.model is not None),
            ("a model name", given.get("model_name")),
            ("a model type", given.get("model_type")),
            ("the target column of the rows", holdout.ready),
        )
        if not there
    ]
    if given.get("model_name") and given.get("model_type"):
        try:
            plan = view.registry.preview_upload(given, files.first)
        except (RegistryError, ValueError, RecursionError) as error:
            messages.show("error", formatting.escaped(str(error)))
            return False, holdout
        _plan(plan, given, files, holdout, view)
        if plan.why_not_evaluated and holdout.benchmark is not None:
            holdout = Holdout()
    if missing:
        st.markdown(f"Still needed: {', '.join(missing)}.")
    return not missing and files.accepted, holdout


def _plan(plan: RegistrationPlan, given: Metadata, files: Files, holdout: Holdout, view: session.View) -> None:
    st.markdown(f"Version **{plan.version}**: {formatting.escaped(plan.version_because)}")
    name = str(given["model_name"])
    champion = view.champion(name)
    new = name not in view.names()
    if files.quarantined and holdout.evaluates:
        st.markdown("Evaluated: **later**, on the rows of step 2.")
    elif holdout.file is not None:
        where = f"the {holdout.rows:,} labelled rows, which become the benchmark of {formatting.escaped(name)}"
        st.markdown(f"Evaluated on {where}.")
    elif holdout.benchmark is not None and plan.why_not_evaluated:
        why = formatting.escaped(plan.why_not_evaluated)
        messages.show(
            "warning",
            f"**It cannot be evaluated.** {why}. If it is a version of something else, type a new model name above. "
            f"Else add a benchmark with its features to {formatting.escaped(name)} after the upload.",
        )
    elif holdout.benchmark is not None:
        st.markdown(f"Evaluated on {holdout.rows:,} rows of {formatting.escaped(holdout.benchmark.name)}.")
    elif not given.get("performance_metrics") and not given.get("metrics"):
        st.markdown("No score: nothing is reported, and nothing is evaluated without labelled rows.")
    elif plan.composite_score is None:
        st.markdown(formatting.escaped(formatting.sentence(plan.score_note or "no score")))
    else:
        st.markdown(f"Score **{formatting.number(plan.composite_score)}** by its self-reported metrics (unverified)")
    stays = f"{champion.version} stays" if champion else "none, as before"
    if files.quarantined:
        st.markdown(f"Champion: **{stays}**. The file is not loaded or evaluated before its imports are trusted.")
    elif holdout.file is not None and new:
        st.markdown("Champion: **this version**, if it passes every gate: there is none yet.")
    else:
        because = formatting.escaped(formatting.sentence(plan.decision.because))
        if plan.why_not_evaluated:
            because = ""
        elif holdout.benchmark is not None and plan.decision.waits_for is not None:
            stays = f"{champion.version if champion else 'none'} until the version is evaluated"
        st.markdown(f"Champion: **{stays}**. {because}")
    st.caption("Model id")
    st.code(_id_to_be(plan.model_id, given), language=None, wrap_lines=True)


def _id_to_be(planned: str, given: Metadata) -> str:
    """The id as far as it is known: without a time of training it ends in the second of the upload."""
    info = given.get("training_info")
    if given.get("training_timestamp") or (isinstance(info, dict) and info.get("training_timestamp")):
        return planned
    return re.sub(r"_\d{8}_\d{6}(_\d+)?$", "_<time of upload>", planned)


def upload_button(given: Metadata | None, files: Files, holdout: Holdout, view: session.View, *, ready: bool) -> None:
    """The upload, with its reason and progress; an error leaves everything as it is."""
    reason = st.text_input(
        "Reason (optional; it is kept with the upload)", key=f"upload-reason-{number_of_round()}", max_chars=2000
    )
    typed = "" if session.signed_in() else " Change the name in the sidebar."
    st.caption(f"Recorded as uploaded by {formatting.escaped(session.actor())}.{typed}")
    label = "Upload and evaluate" if holdout.evaluates and not files.quarantined else "Upload"
    name = str(given.get("model_name") or "") if given else ""
    clicked = controls.button(
        label, "upload", name, view, type="primary", icon=":material/upload_file:", disabled=not ready, key="upload"
    )
    if not clicked or given is None or files.model is None:
        return
    st.session_state[_UPLOADING] = files.model.name
    doing = "Scanning it, loading it in the sandbox, evaluating and storing it …"
    try:
        with (
            st.spinner(doing if holdout.evaluates else doing.replace(", evaluating", ""), show_time=True),
            _cancelled_by_leaving(),
        ):
            st.button("Cancel", icon=":material/close:", key="upload-cancel")
            for file in (files.model, files.scaler, holdout.file):
                if file is not None:
                    file.seek(0)
            model_id = view.registry.upload(
                files.model, files.scaler, metadata=given, holdout=holdout.file, target=holdout.target,
                actor=session.actor(), reason=(reason or "").strip(),
            )  # fmt: skip
            _evaluate(model_id, holdout, view)
    except (RegistryError, ValueError, RecursionError) as error:
        del st.session_state[_UPLOADING]
        messages.show("error", f"Nothing was stored. {formatting.escaped(formatting.sentence(str(error)))}")
        return
    st.session_state[_UPLOADED] = model_id
    del st.session_state[_UPLOADING]
    upload_fields.release(files.model, files.scaler, holdout.file)
    st.rerun()


def _evaluate(model_id: str, holdout: Holdout, view: session.View) -> None:
    """The button promised it: where the settings leave evaluations to people, this one is asked for."""
    trusted = view.registry.get_metadata(model_id).artifact == "trusted"
    if not holdout.evaluates or not trusted or view.registry.evaluations(model_id):
        return
    try:
        view.registry.evaluate(model_id, actor=session.actor())
    except RegistryError as error:
        # It is stored by now.
        messages.post("warning", f"It was not evaluated. {formatting.escaped(formatting.sentence(str(error)))}")


@contextmanager
def _cancelled_by_leaving() -> Iterator[None]:
    """Within it, whoever clicks on anything or closes the page ends what they wait for.

    Streamlit ends a script when it draws something, and so is given something to draw.
    """
    drawn = st.empty()

    def draw() -> None:
        drawn.empty()

    token = on_wait.set(draw)
    try:
        yield
    finally:
        on_wait.reset(token)


def finished(view: session.View) -> bool:
    """After an upload: say what came of it, and offer the next step."""
    model_id = st.session_state.get(_UPLOADED)
    if model_id is None:
        name = st.session_state.pop(_UPLOADING, None)
        if name is not None:
            messages.show(
                "info",
                f"The upload of **{formatting.escaped(name)}** was cancelled. Nothing was stored. Press the button to "
                "start again.",
            )
        return False
    model = view.metadata(model_id)
    messages.section(f"3. Result: {model.model_name} {model.version}")
    evaluation = view.evaluation(model)
    stored = f"Stored as version **{model.version}** of **{model.model_name}**"
    if model.artifact == "quarantined":
        messages.show("warning", f"{stored}, and quarantined. {permissions.QUARANTINE}")
    elif model.is_active:
        score = (
            "" if model.composite_score is None else f" with a score of **{formatting.number(model.composite_score)}**"
        )
        messages.show("success", f"{stored}. It was evaluated, passed every gate, and is the champion{score}.")
    elif evaluation is not None and evaluation.status == "measured":
        messages.show("success", f"{stored}, and evaluated.")
    elif evaluation is not None:
        messages.show("error", f"{stored}. Its evaluation failed: {formatting.escaped(evaluation.because)}")
    else:
        messages.show("success", f"{stored}, and trusted: it names only what the registry knows.")
        st.markdown(
            "Its metrics are self-reported (unverified): it is not chosen automatically until a reviewer approves or "
            "promotes it, or the registry ranks by evaluated metrics."
        )
    _evaluated(model, view)
    _answering(model, view)
    st.code(model_id, language=None)
    with st.container(horizontal=True):
        st.button(
            "Open the model",
            key="open-uploaded",
            type="primary",
            icon=":material/deployed_code:",
            on_click=_open,
            args=(model.model_name, model_id),
        )
        st.button("Upload another", icon=":material/upload_file:", on_click=_again)
    return True


def _evaluated(model: ModelMetadata, view: session.View) -> None:
    """What the registry evaluated, the verdict that follows, and the decision it asks for."""
    evaluation = view.evaluation(model)
    if evaluation is None or evaluation.status != "measured":
        return
    if not model.is_active and view.answers_check(model.model_id) is not None:
        verdict = promotion_verdict.of_version(model, view)
        promotion_verdict.show(verdict)
        if verdict.action == "promote":
            model_decisions.main_decision(model, verdict, view)
    st.markdown(f"Evaluated on {evaluation.rows:,} rows of **{formatting.escaped(evaluation.benchmark)}**:")
    lower = {metric: view.lower_is_better(model.model_name, metric) for metric in evaluation.metrics}
    tables.measured(evaluation_frames.metrics(evaluation, model.all_metrics(), lower), key="measured")
    rule = view.explain_score(model.model_id).rule
    if rule:
        st.caption(formatting.escaped(rule))


def _answering(model: ModelMetadata, view: session.View) -> None:
    """Whether the model answered when it was first loaded, and what it takes and gives."""
    check = view.answers_check(model.model_id)
    if check is None:
        if model.artifact == "trusted":
            messages.show(
                "warning",
                "**Its predictions are not checked yet**, since the sandbox did not start. They are checked before a "
                "promotion.",
            )
        return
    if check.status == "agrees":
        found = view.signature(model.model_id)
        takes = "one text a row" if found.takes == "text" else formatting.count(len(found.features), "feature")
        gives = f"classes {formatting.value(list(found.classes))}" if found.classes else "numbers"
        st.markdown(f"**It answers.** It takes {takes} and gives {formatting.escaped(gives)}.")
        return
    head = "It does not answer." if check.status == "fails" else "Its answers could not be checked."
    messages.show("error" if check.status == "fails" else "warning", f"**{head}** {formatting.escaped(check.because)}")


def _open(name: str, model_id: str) -> None:
    _again()
    navigation.go("model", name, model_id)


def _again() -> None:
    del st.session_state[_UPLOADED]
    st.session_state.pop(INSPECTED, None)
    st.session_state[ROUND] = number_of_round() + 1
