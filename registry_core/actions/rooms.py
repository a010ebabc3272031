"""What an action works with: the catalog, the store, the clock, the settings, and who acts."""

from __future__ import annotations

import errno
import getpass
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ..artifacts.store import Store
from ..catalog import events, models
from ..catalog.database import Database, Queries, Transaction
from ..catalog.sqlite import SqliteDatabase
from ..config import Configuration
from ..errors import InvalidInput, ModelNotFound, StorageError
from ..records import METRIC_FIELDS, ModelMetadata, Row, Score
from ..rules.scoring import composite_score
from ..version import Version

#: For ``expected_champion``: the caller does not say what it saw. No model id can be spelt so.
NOT_CHECKED: Final = "<not checked>"
CONFIG_KEY = "registry_config.json"
_SETTING = "configuration"
_MOST_REASON = 2000


@dataclass
class Rooms:
    """The parts of an open registry."""

    location: str
    database: Database
    store: Store
    clock: Callable[[], datetime]
    actor: str
    _configuration: tuple[int, Configuration] | None = field(default=None, repr=False)

    def configuration(self) -> Configuration:
        """The settings that hold now, read again only after something changed."""
        changes = self.database.changes()
        held = self._configuration
        if held is None or held[0] != changes:
            held = self._configuration = (changes, stored_configuration(self.database) or Configuration())
        return held[1]

    def who(self, actor: str | None) -> str:
        """The actor of a call."""
        if actor is None:
            return self.actor
        if not isinstance(actor, str) or not actor.strip() or len(actor) > 200 or not actor.isprintable():
            raise InvalidInput(f"actor {actor!r:.80} cannot be used; say who acts, in 1 to 200 printable characters")
        return actor.strip()

    def now(self) -> datetime:
        """The present, aware."""
        now = self.clock()
        if now.tzinfo is None:
            raise InvalidInput("the registry's clock gave a naive datetime; let it return datetime.now(timezone.utc)")
        return now


def open_rooms(
    location: str | os.PathLike[str],
    artifacts: str | os.PathLike[str] | None,
    clock: Callable[[], datetime] | None,
    actor: str | None,
) -> Rooms:
    """Open a folder or a database; see ``Registry``."""
    place = os.fspath(location)
    database: Database
    if place.startswith(("postgresql://", "postgres://")):
        if artifacts is None:
            raise InvalidInput(
                'a registry in a database needs a place for its files: Registry("postgresql://...", artifacts="s3://...")'
            )
        from ..catalog.postgres import PostgresDatabase

        store = Store(_absolute(os.fspath(artifacts)))
        database = PostgresDatabase(place.replace("postgres://", "postgresql://", 1))
        shown = database.name
    elif "://" in place and not place.startswith("file://"):
        raise InvalidInput(
            f'{place} cannot hold a catalog; name a folder, or a database with artifacts="{place}" for the files'
        )
    else:
        if artifacts is not None:
            raise InvalidInput("artifacts= goes with a database address; a registry in a folder keeps its files there")
        folder = Path(place.removeprefix("file://")).expanduser().absolute()
        _make_folder(folder)
        store = Store(str(folder))
        database = SqliteDatabase(folder / "registry.db")
        shown = str(folder)
    rooms = Rooms(shown, database, store, clock or _utc_now, actor or _user())
    rooms.actor = rooms.who(rooms.actor)
    try:
        _settle_configuration(rooms)
    except BaseException:
        database.close()
        raise
    return rooms


def _absolute(address: str) -> str:
    return address if "://" in address else str(Path(address).expanduser().absolute())


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise StorageError(errno.ENOTDIR, f"{folder} is a file; name a folder for the registry") from error
    except OSError as error:
        raise StorageError(
            error.errno or errno.EIO,
            f"the folder {folder} cannot be made ({error.strerror}): give this user the right, or name another folder",
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        raise StorageError(
            errno.EACCES, f"the folder {folder} cannot be written: give this user the right, or name another folder"
        )


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user-{os.getuid()}"


def check_reason(reason: str) -> str:
    """The reason of a call, bounded."""
    if not isinstance(reason, str) or len(reason) > _MOST_REASON:
        raise InvalidInput(f"reason is {reason!r:.80}; text of at most {_MOST_REASON} characters is needed")
    return reason.strip()


# settings


def stored_configuration(queries: Queries) -> Configuration | None:
    """The settings as the catalog has them."""
    text = events.setting(queries, _SETTING)
    return None if text is None else Configuration.from_json(text)


def apply_configuration(
    rooms: Rooms, transaction: Transaction, before: Configuration | None, after: Configuration, actor: str, reason: str
) -> None:
    """Store settings, score every version by them, and say so in an event."""
    events.set_setting(transaction, _SETTING, after.to_json())
    scores: dict[int, Score] = {}
    for row in models.scoring_rows(transaction):
        score = score_of(after, record(rooms, row))
        if (score.value, score.note) != (row["score"], row["score_note"]):
            scores[row["seq"]] = score
    models.set_scores(transaction, scores)
    events.append(
        transaction,
        now=rooms.now(),
        kind="created" if before is None else "configured",
        actor=actor,
        reason=reason,
        before={} if before is None else before.to_dict(),
        after=after.to_dict(),
    )


def _settle_configuration(rooms: Rooms) -> None:
    # The file is what people edit, the catalog is what counts. An edit is taken over when the registry is opened.
    text = rooms.store.read(CONFIG_KEY).decode() if rooms.store.exists(CONFIG_KEY) else None
    wanted = None if text is None else Configuration.from_json(text)
    stored = stored_configuration(rooms.database)
    if stored is None or (wanted is not None and wanted.to_dict() != stored.to_dict()):
        with rooms.database.transaction() as transaction:
            stored = stored_configuration(transaction)
            chosen = wanted or stored or Configuration()
            if stored is None or chosen.to_dict() != stored.to_dict():
                reason = "" if stored is None else f"{CONFIG_KEY} was edited"
                apply_configuration(rooms, transaction, stored, chosen, rooms.actor, reason)
            stored = chosen
    if text is None:
        rooms.store.write(CONFIG_KEY, stored.to_json().encode())


# records


def score_of(configuration: Configuration, metadata: ModelMetadata) -> Score:
    """The composite score of a model under the policy of its name."""
    policy = configuration.policy(metadata.model_name)
    return composite_score(
        metadata.all_metrics(),
        policy.weights(metadata.task),
        is_ensemble=metadata.is_ensemble,
        ensemble_bonus=policy.ensemble_bonus,
        declared_lower=policy.lower_is_better,
    )


def record(rooms: Rooms, row: Row, best: str | None = None) -> ModelMetadata:
    """A catalog row with its document, as a record."""
    document = json.loads(row["metadata"])
    scaler = document.get("scaler_file_path")
    document.update(
        model_file_path=rooms.store.address(document["model_file_path"]),
        scaler_file_path=None if scaler is None else rooms.store.address(scaler),
    )
    if "status" in row:
        document.update(
            is_active=bool(row["is_active"]),
            is_best=row["model_id"] == best,
            status=row["status"],
            status_reason=row["status_reason"],
            artifact=row["artifact"],
            composite_score=row["score"],
            score_note=row["score_note"],
        )
    return ModelMetadata(**document)


def summary(row: Row, metrics: dict[str, float], best: str | None, reference: str | None) -> Row:
    """A catalog row and its metrics as the seed's comparison has them, and more."""
    return {
        "model_id": row["model_id"],
        "model_name": row["model_name"],
        "model_type": row["model_type"],
        "version": str(Version(row["major"], row["minor"], row["patch"])),
        **{name: metrics.get(name) for name in METRIC_FIELDS},
        "metrics": metrics,
        "composite_score": row["score"],
        "score_note": row["score_note"],
        "is_active": bool(row["is_active"]),
        "is_best": row["model_id"] == best,
        "is_ensemble": bool(row["is_ensemble"]),
        "evaluation_set": row["evaluation_set"] or None,
        "comparable": reference is None or row["evaluation_set"] == reference,
        "status": row["status"],
        "status_reason": row["status_reason"],
        "artifact": row["artifact"],
        "eligible": bool(row["eligible"]),
        "training_date": row["training_timestamp"],
        "training_samples": row["training_samples"],
        "registered_at": row["registered_at"],
        "registered_by": row["registered_by"],
        "description": row["description"],
        "tags": json.loads(row["tags"]) if row["tags"] != "[]" else [],
    }


def require(queries: Queries, model_id: str) -> Row:
    """The row of a model.

    Raises:
        ModelNotFound: no model has that id.
    """
    row = models.find(queries, model_id) if isinstance(model_id, str) else None
    if row is None:
        raise ModelNotFound(
            f"no model has the id {model_id!r:.300}; the leaderboard, list_models() and `model-registry list` show all"
        )
    return row
