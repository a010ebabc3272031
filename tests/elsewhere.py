"""Registries that somebody made elsewhere, with another key, and code that leaves a mark when it runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from registry_core import Registry
from tests.fitted import forest
from tests.strangers import MAJORITY, Majority

METRICS = {"accuracy": 0.9, "auc": 0.9, "f1_score": 0.9}
OWN_MODULE = "own_code_from_elsewhere"
#: Names that reach code when a file calls them: of this product, of what it installs, of somebody's own.
REACHING: dict[str, tuple[str, ...]] = {
    "werkzeug.utils.import_string": ("own_code_from_elsewhere",),
    "uvicorn.importer.import_from_string": ("own_code_from_elsewhere:Winner",),
    "own_code_from_elsewhere.helper": ("own_code_from_elsewhere",),
    "own_code_from_elsewhere.Winner": (),
    "streamlit.util.calc_md5": ("text",),
    "registry_core.artifacts.formats.load": ("text", "place"),
    "registry_core.Registry": ("{folder}/made",),
    "dashboard.server.main": (),
    "pages.upload": (),
    "click.utils.open_stream": ("{folder}/made", "w"),
    "fsspec.core.open": ("{folder}/made", "w"),
    "fsspec.registry.get_filesystem_class": ("file",),
    "sqlite_utils.db.Database": ("{folder}/made",),
    "watchdog.utils.load_module": ("own_code_from_elsewhere",),
    "starlette.config.Config": ("{folder}/made",),
    "moto.core.utils.get_equivalent_url_in_aws_domain": ("text",),
    "sklearn.utils._param_validation.validate_params": ("text",),
    "pandas.core.computation.eval.eval": ("1+1",),
    "numpy.distutils.exec_command.exec_command": ("true",),
    "joblib.parallel.Parallel": ("2",),
}


@contextmanager
def another_user(keys: Path) -> Iterator[None]:
    """What is decided meanwhile is decided by somebody whose keys lie there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODEL_REGISTRY_KEYS", str(keys))
        yield


def own_module(folder: Path, mark: Path) -> str:
    """A module whose import and whose class leave a mark; the name of the class."""
    folder.mkdir(exist_ok=True)
    (folder / f"{OWN_MODULE}.py").write_text(
        f"open({str(mark)!r}, 'a').write('imported\\n')\n"
        "class Winner:\n"
        "    def __setstate__(self, state):\n"
        f"        open({str(mark)!r}, 'a').write('loaded\\n')\n"
        "def helper(name):\n"
        "    return __import__(name)\n"
    )
    return f"{OWN_MODULE}.Winner"


class Reaching:
    """Pickled as a call of a function by its name, or as an object of a class, without importing either."""

    def __init__(self, name: str, *arguments: object) -> None:
        self.module, _, self.name = name.rpartition(".")
        self.arguments = arguments

    def file(self) -> bytes:
        """A pickle that imports the name and calls it."""
        parts = [b"\x80\x04", _text(self.module), _text(self.name), b"\x93"]
        parts += [*(_text(str(each)) for each in self.arguments)]
        end = {0: b")", 1: b"\x85", 2: b"\x86", 3: b"\x87"}[len(self.arguments)]
        return b"".join([*parts, end, b"R."])


def _text(text: str) -> bytes:
    data = text.encode()
    return b"\x8c" + bytes([len(data)]) + data


def foreign_registry(folder: Path, keys: Path, *, actor: str = "mallory") -> str:
    """A registry of somebody else that trusts a class, has weak gates, an approval, and a champion; the champion's id.

    Its champion is a model of that class. A second version holds only what the list knows.
    """
    with another_user(keys), Registry(folder, actor=actor) as registry:
        registry.configure(
            trusted_globals=[MAJORITY], gates={"unchecked_answers": True, "same_inputs": False}, reason="mine"
        )
        listed = registry.register_model(
            forest(), model_name="Cancer", model_type="Forest", performance_metrics=METRICS
        )
        own = registry.register_model(Majority(), model_name="Cancer", model_type="Own", performance_metrics=METRICS)
        registry.review(own, "approved", "fine", actor="friend")
        if registry.get_active_model_id("Cancer") != own:
            registry.promote(own, override=True, reason="mine as well", actor=actor)
        assert registry.load_active_model("Cancer")[0].answer == 1
        assert listed != own
        return own


def rewritten(folder: Path, model_id: str, data: bytes, names: list[str]) -> None:
    """Put other bytes below a version, and trusted names into the settings, as whoever owns a folder can."""
    path = folder / "models" / f"model_{model_id}.pkl"
    path.write_bytes(data)
    digest = sha256(data).hexdigest()
    with Registry(folder) as registry:
        database = registry._context.database
        with database.mending(), database.transaction() as transaction:
            for row in transaction.query("SELECT model_seq, metadata FROM model_documents"):
                document = json.loads(row["metadata"])
                if document["model_id"] == model_id:
                    document.update(model_sha256=digest, model_bytes=len(data))
                    document["inspection"] = {"verdict": "trusted", "format": "pickle"}
                    transaction.query(
                        "UPDATE model_documents SET metadata = :text WHERE model_seq = :seq",
                        {"text": json.dumps(document), "seq": row["model_seq"]},
                    )
            (settings,) = transaction.query("SELECT value FROM settings WHERE name = 'configuration'")
            changed = {**json.loads(settings["value"]), "trusted_globals": names}
            transaction.query(
                "UPDATE settings SET value = :text WHERE name = 'configuration'", {"text": json.dumps(changed)}
            )
        registry._context.store.write("registry_config.json", json.dumps(changed).encode())
