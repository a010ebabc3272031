"""The upload page's parts: files, metadata, the preview of what an upload will do, and the upload itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from dashboard import formatting, navigation, permissions, queries, session
from dashboard.ui import messages, tables, upload_fields
from registry_core import Inspection, RegistryError, SandboxFailure, on_wait

METRICS = ("accuracy", "auc", "f1_score", "precision", "recall", "data_quality_score")
Metadata = dict[str, Any]
#: Where the session keeps the name of the file that is being stored: still there in the next run, it was not.
_UPLOADING = "uploading"


def finished() -> bool:
    """After an upload: say what came of it, and offer the next step."""
    model_id = st.session_state.get("uploaded")
    if model_id is None:
        name = st.session_state.pop(_UPLOADING, None)
        if name is not None:
            messages.show(
                "info",
                f"The upload of **{formatting.escaped(name)}** was cancelled. Nothing was stored. Press Upload to "
                "start again.",
            )
        return False
    model = session.view().metadata(model_id)
    stored = f"Stored as version **{model.version}** of **{model.model_name}**"
    if model.artifact == "quarantined":
        messages.show("warning", f"{stored}, and quarantined. {permissions.QUARANTINE}")
    elif model.is_active:
        messages.show("success", f"{stored}. It was measured, passed every gate, and is the champion now.")
    else:
        messages.show("success", f"{stored}, and trusted: it names only what the registry knows.")
        st.markdown(
            "Its metrics are self-reported (unverified): it is not chosen automatically until a reviewer approves or "
            "promotes it, or the registry ranks by evaluated metrics."
        )
    _answering(model_id)
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


def _answering(model_id: str) -> None:
    """Whether the model answered when it was first loaded, and what it takes and gives."""
    view = session.view()
    check = view.answers_check(model_id)
    if check is None:
        if view.metadata(model_id).artifact == "trusted":
            messages.show(
                "warning",
                "**Its predictions are not checked yet**, since the sandbox did not start. They are checked before a "
                "promotion.",
            )
        return
    if check.status == "agrees":
        found = view.signature(model_id)
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
    del st.session_state["uploaded"]
    st.session_state.pop("inspected", None)
    st.session_state["round"] = _round() + 1


def _round() -> int:
    """Counts the uploads of a session: a new one begins with empty file fields."""
    return int(st.session_state.get("round", 0))


def files() -> tuple[UploadedFile | None, UploadedFile | None]:
    """The model's file and, if there is one, its scaler's."""
    left, right = st.columns(2)
    model_file = left.file_uploader(
        "Model file",
        key=f"model-file-{_round()}",
        help="Pickle or joblib (compressed or not), skops, ONNX, XGBoost's or LightGBM's own. "
        "The file is scanned and hashed; nothing in it is executed",
    )
    scaler_file = right.file_uploader("Scaler file, if the model needs one", key=f"scaler-file-{_round()}")
    return upload_fields.taken(model_file), upload_fields.taken(scaler_file)


def metadata(view: session.View) -> Metadata | None:
    """The metadata: from a JSON file, or typed in. None while it cannot be read."""
    way = st.segmented_control(
        "Metadata", ["Fill in a form", "Upload JSON"], default="Fill in a form", required=True, key="way"
    )
    if way == "Upload JSON":
        field = st.file_uploader(
            "Metadata (JSON)", type="json", key=f"json-{_round()}", help="A sidecar file, or register_model's arguments"
        )
        given = upload_fields.taken(field)
        if given is None:
            st.caption("A sidecar file as the registry writes it, or the arguments of `register_model` by name.")
            return {}
        try:
            return queries.json_object(given.getvalue())
        except ValueError as error:
            messages.show("error", formatting.escaped(str(error)))
            return None
    return _form(view)


def _form(view: session.View) -> Metadata | None:
    names = view.names()
    left, right = st.columns(2)
    chosen = session.model_name()
    name = left.selectbox(
        "Model name",
        names,
        index=names.index(chosen) if chosen in names else None,
        accept_new_options=True,
        placeholder="GreyhoundPredictor",
        key="upload-name",
    )
    kinds = view.model_types(name) if name in names else []
    kind = right.selectbox(
        "Model type", kinds, index=None, accept_new_options=True, placeholder="RandomForest", key="upload-type"
    )
    sets = view.evaluation_sets(name) if name in names else []
    measured = left.selectbox(
        "Evaluation set",
        sets,
        index=None,
        accept_new_options=True,
        placeholder="holdout-2026-01",
        key="upload-set",
        help="What the metrics were measured on. Only models measured on the same set are ranked against each other.",
    )
    version = right.text_input("Version", placeholder="Chosen when left empty", key="upload-version")
    st.markdown("**Metrics** as shares: 0.93, not 93. What is left empty stays unknown; it is never counted as 0.")
    cells = st.columns(3)
    metrics = {
        each: cells[place % 3].number_input(
            formatting.metric(each), value=None, format="%.4f", step=0.01, placeholder="unknown", key=f"upload-{each}"
        )
        for place, each in enumerate(METRICS)
    }
    inputs = st.text_area(
        "Features, one per line in order", key="upload-inputs", height=112, placeholder="speed\nweight\nbox"
    )
    classes = st.text_input(
        "Classes, separated by commas",
        placeholder="Only for files that know them by number: XGBoost, LightGBM",
        key="upload-classes",
        help="The labels the model answers, in its own order, such as 1, 2, 3",
    )
    with st.expander("More: further metrics, hyperparameters, samples, description, tags"):
        further = st.text_area(
            "Further metrics (JSON)", key="upload-further", placeholder='{"log_loss": 0.31}', height=68
        )
        parameters = st.text_area(
            "Hyperparameters (JSON)", key="upload-parameters", placeholder='{"max_depth": 8}', height=68
        )
        samples = st.number_input(
            "Training samples", value=None, min_value=0, step=1, placeholder="unknown", key="upload-samples"
        )
        ensemble = st.checkbox("It is an ensemble", key="upload-ensemble")
        description = st.text_area("Description", key="upload-description", height=68)
        tags = st.text_input("Tags, separated by commas", key="upload-tags")
    try:
        return queries.upload_metadata(
            name=name,
            kind=kind,
            measured=measured,
            version=version,
            metrics=metrics,
            further=further,
            inputs=inputs,
            classes=classes,
            parameters=parameters,
            samples=samples,
            is_ensemble=ensemble,
            description=description,
            tags=tags,
        )
    except ValueError as error:
        messages.show("error", formatting.escaped(str(error)))
        return None


def preview(
    given: Metadata | None, model_file: UploadedFile | None, scaler_file: UploadedFile | None, view: session.View
) -> bool:
    """What the upload would do; whether it can be done."""
    missing = []
    if model_file is None:
        missing.append("a model file")
    if given is not None and not given.get("model_name"):
        missing.append("a model name")
    if given is not None and not given.get("model_type"):
        missing.append("a model type")
    if given is None:
        st.markdown("The metadata cannot be read yet; see the message beside it.")
        return False
    if "a model name" not in missing and "a model type" not in missing:
        try:
            plan = view.registry.preview_upload(given)
        except (RegistryError, ValueError, RecursionError) as error:
            messages.show("error", formatting.escaped(str(error)))
            return False
        st.caption("Model id")
        st.code(_id_to_be(plan.model_id, given), language=None, wrap_lines=True)
        st.markdown(f"Version **{plan.version}**: {formatting.escaped(plan.version_because)}")
        if plan.composite_score is None:
            st.markdown(formatting.escaped(formatting.sentence(plan.score_note or "no score")))
        else:
            st.markdown(f"Score **{formatting.number(plan.composite_score)}** under the weights that hold now")
        champion = view.champion(str(given["model_name"]))
        stays = f"{champion.version} stays" if champion else "none, as before"
        st.markdown(f"Champion: **{stays}**. {formatting.escaped(formatting.sentence(plan.decision.because))}")
    name = str(given.get("model_name") or "")
    allowed = [_inside(label, file, name, view) for label, file in (("Model", model_file), ("Scaler", scaler_file))]
    if missing:
        st.markdown(f"Still needed: {', '.join(missing)}.")
    return not missing and all(allowed)


def _inside(label: str, file: UploadedFile | None, name: str, view: session.View) -> bool:
    """What a file holds, found without running anything in it; whether it will be taken."""
    if file is None:
        return True
    known: dict[tuple[str, str], Inspection] = st.session_state.setdefault("inspected", {})
    found = known.get((file.file_id, name))
    if found is None:
        try:
            with st.spinner(f"Scanning {file.name} …"):
                found = known[file.file_id, name] = view.registry.inspect(file, name or None)
        except SandboxFailure as error:
            sentence = formatting.escaped(formatting.sentence(str(error)))
            messages.show("error", f"**{formatting.escaped(file.name)} was not scanned.** {sentence}")
            st.button("Try again", key=f"scan-{label}", icon=":material/refresh:")
            return False
        finally:
            file.seek(0)
    st.text(f"{label} file: {file.name}, {formatting.size(file.size)}, {found.format}")
    tones: dict[str, messages.Tone] = {"trusted": "success", "quarantined": "warning", "refused": "error"}
    head = {"trusted": "Trusted", "quarantined": "It will be quarantined", "refused": "It is refused"}[found.verdict]
    messages.show(tones[found.verdict], f"**{head}.** {formatting.escaped(found.because)}")
    facts = {
        "Estimator": (found.estimator or formatting.MISSING).rpartition(".")[2],
        "Library": ", ".join(f"{each} {version}" for each, version in found.libraries.items()) or formatting.MISSING,
        "Features": f"{found.inputs:,}" if found.inputs is not None else formatting.MISSING,
    }
    tables.facts(facts, key=f"inside-{label}")
    other = view.registry.compare_libraries(found.libraries)
    if other:
        messages.show("warning", f"**Library versions differ.** {formatting.escaped(formatting.sentence(other))}")
    if found.unknown:
        st.markdown("Names it holds that the registry does not know:")
        st.code("\n".join(found.unknown), language=None)
    return found.verdict != "refused"


def _id_to_be(planned: str, given: Metadata) -> str:
    """The id as far as it is known: without a time of training it ends in the second of the upload."""
    info = given.get("training_info")
    if given.get("training_timestamp") or (isinstance(info, dict) and info.get("training_timestamp")):
        return planned
    return re.sub(r"_\d{8}_\d{6}(_\d+)?$", "_<time of upload>", planned)


def upload_button(
    given: Metadata | None,
    model_file: UploadedFile | None,
    scaler_file: UploadedFile | None,
    view: session.View,
    *,
    ready: bool,
) -> None:
    """The upload, with its reason and progress; an error leaves everything as it is."""
    reason = st.text_area(
        "Reason (optional; it is kept with the upload)", key=f"upload-reason-{_round()}", max_chars=2000, height=68
    )
    st.caption(f"Recorded as uploaded by {formatting.escaped(session.actor())}. Change the name in the sidebar.")
    clicked = st.button("Upload", type="primary", icon=":material/upload_file:", disabled=not ready, key="upload")
    if not clicked or given is None or model_file is None:
        return
    st.session_state[_UPLOADING] = model_file.name
    try:
        with (
            st.spinner("Scanning it, loading it in the sandbox and storing it …", show_time=True),
            _cancelled_by_leaving(),
        ):
            st.button("Cancel", icon=":material/close:", key="upload-cancel")
            model_id = view.registry.upload(
                model_file, scaler_file, metadata=given, actor=session.actor(), reason=(reason or "").strip()
            )
    except (RegistryError, ValueError, RecursionError) as error:
        del st.session_state[_UPLOADING]
        messages.show("error", f"Nothing was stored. {formatting.escaped(formatting.sentence(str(error)))}")
        return
    st.session_state["uploaded"] = model_id
    del st.session_state[_UPLOADING]
    upload_fields.release(model_file, scaler_file)
    st.rerun()


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
