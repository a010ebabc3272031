"""The first step of an upload: the files, what the scan finds in them, and the name and type that follow from it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from dashboard import formatting, permissions, session
from dashboard.ui import messages, upload_fields
from registry_core import Inspection, SandboxFailure

#: Of the keys of file fields: it counts the uploads of a session, so that a new one begins with empty fields.
ROUND = "round"
#: In the session: what the scan of a file found, by the file and the model name.
INSPECTED = "inspected"


@dataclass(frozen=True)
class Files:
    """The files of one upload.

    ``scans`` are those of the model and the scaler, by these words; ``accepted``: each was scanned, and none is
    refused.
    """

    model: UploadedFile | None
    scaler: UploadedFile | None
    name: str
    kind: str
    scans: Mapping[str, Inspection] = field(default_factory=dict)
    accepted: bool = True

    @property
    def quarantined(self) -> bool:
        """Whether a file holds imports that are not trusted: it is not loaded before they are."""
        return any(each.verdict == "quarantined" for each in self.scans.values())

    @property
    def first(self) -> Inspection | None:
        """The scan of the file that sees the features first: the scaler, else the model; of both, one that has them."""
        found = [*self.scans.values()][::-1]
        said = [each for each in found if each.feature_names] or [each for each in found if each.inputs is not None]
        return next(iter(said or found), None)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The features by name, as far as a file says them."""
        return () if self.first is None else self.first.feature_names

    @property
    def inputs(self) -> int | None:
        """How many features there are; None where no file says it."""
        return None if self.first is None else self.first.inputs


def number_of_round() -> int:
    """Which upload of the session this is."""
    return int(st.session_state.get(ROUND, 0))


def choose(view: session.View) -> Files:
    """The fields for the files, name and type, filled from the scan."""
    left, right = st.columns(2)
    model = upload_fields.taken(
        left.file_uploader(
            "Model file",
            key=f"model-file-{number_of_round()}",
            help="Pickle or joblib (compressed or not), skops, ONNX, XGBoost's or LightGBM's own. "
            "The file is scanned and hashed; nothing in it is executed",
        )
    )
    scaler = upload_fields.taken(
        right.file_uploader("Scaler file, if the model needs one", key=f"scaler-file-{number_of_round()}")
    )
    names, stem = view.names(), "" if model is None else _as_name(model.name.partition(".")[0])
    if model is not None:
        chosen = session.model_name()
        _suggest("upload-name", stem if stem in names or chosen is None else chosen)
    elif session.model_name() is not None:
        _suggest("upload-name", session.model_name() or "")
    name = str(st.session_state.get("upload-name") or "").strip()
    refused = permissions.role_refusal(view, "upload", name) if name else None
    if refused is not None:
        messages.show("info", formatting.escaped(refused))
    scans = {
        label: scan
        for label, file in (("model", model), ("scaler", scaler))
        if file is not None and refused is None and (scan := _scan(label, file, name, view)) is not None
    }
    if "model" in scans:
        _suggest("upload-type", _type_of(scans["model"]))
    left, right = st.columns(2)
    left.selectbox(
        "Model name of this version",
        _options(names, "upload-name", stem),
        index=None,
        accept_new_options=True,
        placeholder="GreyhoundPredictor",
        key="upload-name",
    )
    right.selectbox(
        "Model type",
        _options(view.model_types(name) if name in names else [], "upload-type"),
        index=None,
        accept_new_options=True,
        placeholder="RandomForest",
        key="upload-type",
    )
    accepted = len(scans) == sum(file is not None for file in (model, scaler))
    accepted = accepted and all(each.verdict != "refused" for each in scans.values())
    return Files(model, scaler, name, str(st.session_state.get("upload-type") or "").strip(), scans, accepted)


def _suggest(key: str, value: str) -> None:
    """Fill a field, unless somebody has chosen something else."""
    known, suggested = st.session_state.get(key), f"{key}-suggested"
    if value and (not known or known == st.session_state.get(suggested)):
        st.session_state[key] = st.session_state[suggested] = value


def _options(known: list[str], key: str, *further: str) -> list[str]:
    """What a field offers: what is known, what a file suggests, and what it holds."""
    held = str(st.session_state.get(key) or "")
    return list(dict.fromkeys(each for each in (*known, *further, held) if each))


def _as_name(text: str) -> str:
    """A text as a name may be written: letters, digits, dots, underscores and hyphens."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("._-")[:128]


def _type_of(scan: Inspection) -> str:
    """The class of the model; where its file names none, what kind of file it is."""
    return _as_name((scan.estimator or scan.format).rpartition(".")[2])


def _scan(label: str, file: UploadedFile, name: str, view: session.View) -> Inspection | None:
    """What a file holds, found without running anything in it; None where it could not be scanned."""
    known: dict[tuple[str, str], Inspection] = st.session_state.setdefault(INSPECTED, {})
    found = known.get((file.file_id, name))
    if found is None:
        try:
            with st.spinner(f"Scanning {file.name} …"):
                found = known[file.file_id, name] = view.registry.inspect(file, name or None)
        except SandboxFailure as error:
            sentence = formatting.escaped(formatting.sentence(str(error)))
            messages.show("error", f"**{formatting.escaped(file.name)} was not scanned.** {sentence}")
            st.button("Try again", key=f"scan-{label}", icon=":material/refresh:")
            return None
        finally:
            file.seek(0)
    tones: dict[str, messages.Tone] = {"trusted": "success", "quarantined": "warning", "refused": "error"}
    head = {"trusted": "Trusted", "quarantined": "It will be quarantined", "refused": "It is refused"}[found.verdict]
    messages.show(tones[found.verdict], f"**{head}.** {formatting.escaped(found.because)}")
    facts = [
        (found.estimator or "").rpartition(".")[2],
        ", ".join(f"{each} {version}" for each, version in found.libraries.items()),
        "" if found.inputs is None else formatting.count(found.inputs, "feature"),
        f"{found.format}, {formatting.size(file.size)}",
    ]
    st.caption(formatting.escaped(f"{label.capitalize()}: {' · '.join(each for each in facts if each)}"))
    other = view.registry.compare_libraries(found.libraries)
    if other:
        messages.show("warning", f"**Library versions differ.** {formatting.escaped(formatting.sentence(other))}")
    if found.unknown:
        st.markdown("Names it holds that the registry does not know:")
        st.code("\n".join(found.unknown), language=None)
    return found
