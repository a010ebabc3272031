"""The tables of telemetry, as migrations that are only ever appended.

Times are whole microseconds since 1970 in UTC. Labels are kept by number (``labels``); answers and truths are those
numbers, or a regression's values themselves. There are no foreign keys: they would be looked up for every prediction.
"""

from __future__ import annotations

from ..schema import Schema

MIGRATIONS: dict[str, tuple[str, ...]] = {
    "telemetry_0001": (
        "CREATE TABLE counters (name TEXT PRIMARY KEY, value BIGINT NOT NULL)",
        """
        CREATE TABLE labels (
            model_name TEXT NOT NULL,
            code INTEGER NOT NULL,
            label TEXT NOT NULL,
            PRIMARY KEY (model_name, code)
        )
        """,
        """
        CREATE TABLE streams (
            seq INTEGER PRIMARY KEY,
            model_name TEXT NOT NULL,
            model_id TEXT NOT NULL,
            role TEXT NOT NULL,
            experiment_id BIGINT NOT NULL,
            deployment_id BIGINT NOT NULL,
            shares TEXT NOT NULL,
            task TEXT NOT NULL,
            positive INTEGER NOT NULL,
            loss TEXT NOT NULL,
            minutes INTEGER NOT NULL,
            UNIQUE (
                model_name, model_id, role, experiment_id, deployment_id, shares, task, positive, loss, minutes
            )
        )
        """,
        # A key that rises with time is appended to; a random one would be searched for with every row.
        """
        CREATE TABLE predictions (
            prediction_id INTEGER PRIMARY KEY,
            stream INTEGER NOT NULL,
            at BIGINT NOT NULL,
            unit TEXT,
            answer DOUBLE PRECISION NOT NULL,
            score DOUBLE PRECISION
        )
        """,
        "CREATE INDEX predictions_by_unit ON predictions (unit, at) WHERE unit IS NOT NULL",
        """
        CREATE TABLE shadow_answers (
            prediction_id INTEGER NOT NULL,
            stream INTEGER NOT NULL,
            answer DOUBLE PRECISION NOT NULL,
            score DOUBLE PRECISION,
            PRIMARY KEY (prediction_id, stream)
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE outcomes (
            prediction_id INTEGER PRIMARY KEY,
            truth DOUBLE PRECISION NOT NULL,
            at BIGINT NOT NULL
        )
        """,
        # Windows as long as the policy says, and the same sums by day: a page over months reads those.
        *(
            f"""
            CREATE TABLE {table} (
                stream INTEGER NOT NULL,
                start BIGINT NOT NULL,
                predictions BIGINT NOT NULL,
                failures BIGINT NOT NULL,
                labelled BIGINT NOT NULL,
                auc DOUBLE PRECISION,
                core BLOB NOT NULL,
                detail BLOB NOT NULL,
                PRIMARY KEY (stream, start)
            )
            """
            for table in ("windows", "days")
        ),
        """
        CREATE TABLE paired_windows (
            stream INTEGER NOT NULL,
            start BIGINT NOT NULL,
            pairs BIGINT NOT NULL,
            core BLOB NOT NULL,
            detail BLOB NOT NULL,
            PRIMARY KEY (stream, start)
        )
        """,
        """
        CREATE TABLE input_counts (
            model_id TEXT NOT NULL,
            day BIGINT NOT NULL,
            counts TEXT NOT NULL,
            PRIMARY KEY (model_id, day)
        )
        """,
        """
        CREATE TABLE detectors (
            deployment_id INTEGER PRIMARY KEY,
            model_name TEXT NOT NULL,
            state TEXT NOT NULL
        )
        """,
        """
        CREATE TABLE archives (
            first_id INTEGER NOT NULL,
            last_id INTEGER NOT NULL,
            model_name TEXT NOT NULL,
            since BIGINT NOT NULL,
            until BIGINT NOT NULL,
            row_count BIGINT NOT NULL,
            file TEXT NOT NULL,
            file_sha256 TEXT NOT NULL,
            PRIMARY KEY (model_name, first_id)
        )
        """,
    ),
}

TELEMETRY = Schema("telemetry", MIGRATIONS, "counters")


def in_postgres() -> Schema:
    """The same tables as PostgreSQL spells them.

    SQLite's INTEGER has 64 bits, and only that name makes a key the row's own number; PostgreSQL's has 32.
    """
    spelt = (("INTEGER", "BIGINT"), ("BLOB", "BYTEA"), ("WITHOUT ROWID", ""))
    migrations = {}
    for name, statements in MIGRATIONS.items():
        for ours, theirs in spelt:
            statements = tuple(statement.replace(ours, theirs) for statement in statements)
        migrations[name] = statements
    return Schema(TELEMETRY.name, migrations, TELEMETRY.lock)
