"""The tables of telemetry, as migrations that are only ever appended.

Times are whole microseconds since 1970 in UTC. Labels are kept by number (``labels``); answers and truths are those
numbers, or a regression's values themselves. There are no foreign keys: they would be looked up for every prediction.
"""

from __future__ import annotations

from ..schema import Schema

#: An id is the number of its block and its place therein; a block's number is a time in milliseconds.
BLOCK_BITS = 20

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


def _partitioned(table: str, key: str, indexes: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The statements that make a table one of partitions by day.

    What it holds becomes the partition of all days until today; later ones are made as ids are reserved
    (``partitions``). Rows of a day that has none go into the partition of all others.
    """
    rest = [index.replace(f"{table}_by", f"{table}_earlier_by") for index in indexes]
    return (
        f"ALTER TABLE {table} RENAME TO {table}_earlier",
        f"ALTER INDEX {table}_pkey RENAME TO {table}_earlier_pkey",
        *(f"ALTER INDEX {old.split()[2]} RENAME TO {new.split()[2]}" for old, new in zip(indexes, rest, strict=True)),
        f"CREATE TABLE {table} (LIKE {table}_earlier) PARTITION BY RANGE (prediction_id)",
        f"ALTER TABLE {table} ADD PRIMARY KEY ({key})",
        *indexes,
        f"CREATE TABLE {table}_other PARTITION OF {table} DEFAULT",
        f"""
        DO $$
        DECLARE
            day BIGINT := 86400000;
            reserved BIGINT := (SELECT coalesce(max(value), 0) FROM counters WHERE name = 'prediction_block');
            until BIGINT := greatest(reserved, (extract(epoch FROM now()) * 1000)::BIGINT) / day * day + day;
            called TEXT := '{table}_' || to_char(to_timestamp(until / 1000 - 1) AT TIME ZONE 'UTC', 'YYYYMMDD');
        BEGIN
            IF EXISTS (SELECT 1 FROM {table}_earlier) THEN
                EXECUTE format(
                    'ALTER TABLE {table} ATTACH PARTITION {table}_earlier FOR VALUES FROM (MINVALUE) TO (%s)',
                    until << {BLOCK_BITS}
                );
                EXECUTE format('ALTER TABLE {table}_earlier RENAME TO %I', called);
            ELSE
                DROP TABLE {table}_earlier;
            END IF;
        END $$
        """,
    )


#: What PostgreSQL does beside.
_BY_DAY = (
    *_partitioned(
        "predictions",
        "prediction_id",
        ("CREATE INDEX predictions_by_unit ON predictions (unit, at) WHERE unit IS NOT NULL",),
    ),
    *_partitioned("shadow_answers", "prediction_id, stream"),
    *_partitioned("outcomes", "prediction_id"),
)


def in_postgres() -> Schema:
    """The same tables as PostgreSQL spells them, raw rows in partitions by day.

    SQLite's INTEGER has 64 bits, and only that name makes a key the row's own number; PostgreSQL's has 32.
    """
    spelt = (("INTEGER", "BIGINT"), ("BLOB", "BYTEA"), ("WITHOUT ROWID", ""))
    migrations = {}
    for name, statements in MIGRATIONS.items():
        for ours, theirs in spelt:
            statements = tuple(statement.replace(ours, theirs) for statement in statements)
        migrations[name] = statements
    return Schema(TELEMETRY.name, {**migrations, "telemetry_0002_by_day": _BY_DAY}, TELEMETRY.lock)
