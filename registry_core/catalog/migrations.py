"""The tables of the catalog, as migrations that are only ever appended: name -> portable statements."""

from __future__ import annotations

MIGRATIONS: dict[str, tuple[str, ...]] = {
    "0001_models": (
        """
        CREATE TABLE models (
            seq INTEGER PRIMARY KEY,
            model_id TEXT NOT NULL UNIQUE,
            stem TEXT NOT NULL,
            ordinal INTEGER NOT NULL,
            model_name TEXT NOT NULL,
            model_type TEXT NOT NULL,
            major BIGINT NOT NULL,
            minor BIGINT NOT NULL,
            patch BIGINT NOT NULL,
            evaluation_set TEXT NOT NULL,
            is_ensemble INTEGER NOT NULL,
            training_timestamp TEXT NOT NULL,
            training_samples BIGINT,
            registered_at TEXT NOT NULL,
            registered_by TEXT NOT NULL,
            status TEXT NOT NULL,
            status_reason TEXT NOT NULL,
            artifact TEXT NOT NULL,
            eligible INTEGER NOT NULL,
            score DOUBLE PRECISION,
            score_note TEXT,
            ranked_on TEXT NOT NULL,
            override_note TEXT NOT NULL,
            vouched INTEGER NOT NULL,
            metrics TEXT NOT NULL,
            measured TEXT NOT NULL,
            measured_on TEXT NOT NULL,
            description TEXT NOT NULL,
            tags TEXT NOT NULL,
            search TEXT NOT NULL
        )
        """,
        # Apart from the rows: a list of versions would have to walk over them.
        """
        CREATE TABLE model_documents (
            model_seq INTEGER PRIMARY KEY REFERENCES models (seq),
            metadata TEXT NOT NULL
        )
        """,
        "CREATE UNIQUE INDEX models_by_version ON models (model_name, major, minor, patch)",
        "CREATE UNIQUE INDEX models_by_stem ON models (stem, ordinal)",
        "CREATE INDEX models_by_score ON models (score DESC, seq)",
        "CREATE INDEX models_by_name_score ON models (model_name, score DESC, seq)",
        "CREATE INDEX models_by_name ON models (model_name, seq)",
        "CREATE INDEX models_best ON models (model_name, ranked_on, score DESC, seq) WHERE eligible = 1",
        """
        CREATE TABLE model_metrics (
            model_seq INTEGER NOT NULL REFERENCES models (seq),
            model_name TEXT NOT NULL,
            metric TEXT NOT NULL,
            value DOUBLE PRECISION NOT NULL,
            PRIMARY KEY (model_seq, metric)
        )
        """,
        "CREATE INDEX model_metrics_by_value ON model_metrics (model_name, metric, value DESC, model_seq)",
    ),
    "0002_deployments": (
        """
        CREATE TABLE deployments (
            seq INTEGER PRIMARY KEY,
            model_name TEXT NOT NULL,
            model_id TEXT NOT NULL REFERENCES models (model_id),
            started_at TEXT NOT NULL,
            ended_at TEXT,
            actor TEXT NOT NULL,
            reason TEXT NOT NULL,
            undone INTEGER NOT NULL DEFAULT 0
        )
        """,
        # What makes two champions of one name impossible.
        "CREATE UNIQUE INDEX deployments_current ON deployments (model_name) WHERE ended_at IS NULL",
        "CREATE INDEX deployments_by_name ON deployments (model_name, seq)",
    ),
    "0003_events": (
        """
        CREATE TABLE events (
            seq INTEGER PRIMARY KEY,
            at TEXT NOT NULL,
            kind TEXT NOT NULL,
            model_name TEXT,
            model_id TEXT,
            actor TEXT NOT NULL,
            reason TEXT NOT NULL,
            before TEXT NOT NULL,
            after TEXT NOT NULL,
            hash TEXT NOT NULL
        )
        """,
        "CREATE INDEX events_by_name ON events (model_name, seq)",
        "CREATE INDEX events_by_model ON events (model_id, seq)",
        "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    ),
    "0004_evidence": (
        """
        CREATE TABLE benchmarks (
            seq INTEGER PRIMARY KEY,
            model_name TEXT NOT NULL,
            name TEXT NOT NULL,
            task TEXT NOT NULL,
            target TEXT NOT NULL,
            features TEXT NOT NULL,
            slices TEXT NOT NULL,
            thresholds TEXT NOT NULL,
            row_count BIGINT NOT NULL,
            fingerprint TEXT NOT NULL,
            file_sha256 TEXT NOT NULL,
            added_at TEXT NOT NULL,
            added_by TEXT NOT NULL,
            UNIQUE (model_name, name)
        )
        """,
        """
        CREATE TABLE evaluations (
            seq INTEGER PRIMARY KEY,
            model_id TEXT NOT NULL REFERENCES models (model_id),
            benchmark TEXT NOT NULL,
            fingerprint TEXT NOT NULL,
            at TEXT NOT NULL,
            actor TEXT NOT NULL,
            status TEXT NOT NULL,
            because TEXT NOT NULL,
            row_count BIGINT NOT NULL,
            metrics TEXT NOT NULL,
            slices TEXT NOT NULL,
            row_microseconds DOUBLE PRECISION,
            unenforced TEXT NOT NULL,
            answers TEXT,
            answers_sha256 TEXT
        )
        """,
        "CREATE INDEX evaluations_by_model ON evaluations (model_id, fingerprint, seq)",
        """
        CREATE TABLE reviews (
            seq INTEGER PRIMARY KEY,
            model_id TEXT NOT NULL REFERENCES models (model_id),
            at TEXT NOT NULL,
            actor TEXT NOT NULL,
            verdict TEXT NOT NULL,
            text TEXT NOT NULL
        )
        """,
        "CREATE INDEX reviews_by_model ON reviews (model_id, seq)",
    ),
    "0005_live": (
        """
        CREATE TABLE experiments (
            seq INTEGER PRIMARY KEY,
            model_name TEXT NOT NULL,
            champion_id TEXT NOT NULL REFERENCES models (model_id),
            mode TEXT NOT NULL,
            status TEXT NOT NULL,
            salt TEXT NOT NULL,
            metric TEXT NOT NULL,
            alpha DOUBLE PRECISION NOT NULL,
            stages TEXT NOT NULL,
            stage INTEGER NOT NULL,
            stage_since TEXT NOT NULL,
            started_at TEXT NOT NULL,
            started_by TEXT NOT NULL,
            reason TEXT NOT NULL,
            ended_at TEXT,
            ended_by TEXT,
            verdict TEXT NOT NULL
        )
        """,
        # What keeps two experiments from answering the traffic of one name.
        """
        CREATE UNIQUE INDEX experiments_answering ON experiments (model_name)
        WHERE ended_at IS NULL AND mode = 'split'
        """,
        "CREATE INDEX experiments_by_name ON experiments (model_name, seq)",
        """
        CREATE TABLE experiment_arms (
            experiment_seq INTEGER NOT NULL REFERENCES experiments (seq),
            ordinal INTEGER NOT NULL,
            challenger_id TEXT NOT NULL REFERENCES models (model_id),
            share DOUBLE PRECISION NOT NULL,
            status TEXT NOT NULL,
            because TEXT NOT NULL,
            PRIMARY KEY (experiment_seq, ordinal)
        )
        """,
        """
        CREATE TABLE alerts (
            seq INTEGER PRIMARY KEY,
            model_name TEXT NOT NULL,
            model_id TEXT,
            kind TEXT NOT NULL,
            severity TEXT NOT NULL,
            about TEXT NOT NULL,
            text TEXT NOT NULL,
            status TEXT NOT NULL,
            opened_at TEXT NOT NULL,
            evidence TEXT NOT NULL,
            acknowledged_at TEXT,
            acknowledged_by TEXT,
            resolved_at TEXT,
            resolution TEXT NOT NULL
        )
        """,
        # One trouble, one alert, whoever notices it first.
        "CREATE UNIQUE INDEX alerts_open ON alerts (model_name, about) WHERE resolved_at IS NULL",
        "CREATE INDEX alerts_by_name ON alerts (model_name, seq)",
        """
        CREATE TABLE baselines (
            deployment_seq INTEGER PRIMARY KEY REFERENCES deployments (seq),
            model_name TEXT NOT NULL,
            document TEXT NOT NULL
        )
        """,
        """
        CREATE TABLE notifications (
            alert_seq INTEGER NOT NULL REFERENCES alerts (seq),
            channel TEXT NOT NULL,
            attempts INTEGER NOT NULL,
            next_at TEXT NOT NULL,
            sent_at TEXT,
            failure TEXT NOT NULL,
            PRIMARY KEY (alert_seq, channel)
        )
        """,
    ),
    "0006_upkeep": (
        "ALTER TABLE models ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0",
        """
        CREATE TABLE trash (
            model_seq INTEGER PRIMARY KEY REFERENCES models (seq),
            trashed_at TEXT NOT NULL,
            purge_at TEXT NOT NULL,
            actor TEXT NOT NULL,
            reason TEXT NOT NULL,
            was TEXT NOT NULL
        )
        """,
        # Files that lie in the store otherwise than they were registered: packed.
        """
        CREATE TABLE packed_files (
            file TEXT PRIMARY KEY,
            sha256 TEXT NOT NULL,
            size BIGINT NOT NULL
        )
        """,
    ),
    "0007_answers": (
        "ALTER TABLE benchmarks ADD COLUMN classes TEXT NOT NULL DEFAULT '[]'",
        """
        CREATE TABLE proofs (
            model_seq INTEGER PRIMARY KEY REFERENCES models (seq),
            signature TEXT NOT NULL,
            rows_from TEXT NOT NULL,
            row_count INTEGER NOT NULL,
            example_rows TEXT NOT NULL,
            answers TEXT NOT NULL,
            environment TEXT NOT NULL,
            because TEXT NOT NULL
        )
        """,
        # By the files and the library versions: what was asked under others says nothing of these.
        """
        CREATE TABLE answer_checks (
            model_seq INTEGER NOT NULL REFERENCES models (seq),
            files TEXT NOT NULL,
            environment TEXT NOT NULL,
            status TEXT NOT NULL,
            because TEXT NOT NULL,
            place TEXT NOT NULL,
            row_count INTEGER NOT NULL,
            differing INTEGER NOT NULL,
            at TEXT NOT NULL,
            PRIMARY KEY (model_seq, files, environment)
        )
        """,
    ),
    "0008_insights": (
        "ALTER TABLE benchmarks ADD COLUMN protected TEXT NOT NULL DEFAULT '[]'",
        """
        CREATE TABLE feature_impacts (
            seq INTEGER PRIMARY KEY,
            model_id TEXT NOT NULL REFERENCES models (model_id),
            benchmark TEXT NOT NULL,
            fingerprint TEXT NOT NULL,
            at TEXT NOT NULL,
            actor TEXT NOT NULL,
            metric TEXT NOT NULL,
            baseline DOUBLE PRECISION NOT NULL,
            row_count BIGINT NOT NULL,
            of_rows BIGINT NOT NULL,
            repeats INTEGER NOT NULL,
            seed BIGINT NOT NULL,
            impacts TEXT NOT NULL
        )
        """,
        "CREATE INDEX feature_impacts_by_model ON feature_impacts (model_id, fingerprint, seq)",
    ),
    "0009_training_rows": (
        """
        CREATE TABLE training_rows (
            model_seq INTEGER PRIMARY KEY REFERENCES models (seq),
            document TEXT NOT NULL
        )
        """,
        "ALTER TABLE evaluations ADD COLUMN in_training TEXT",
    ),
    "0010_access": (
        # Who signed in, as events keep it; empty where a local user acted.
        "ALTER TABLE events ADD COLUMN principal TEXT NOT NULL DEFAULT ''",
        """
        CREATE TABLE people (
            issuer TEXT NOT NULL,
            subject TEXT NOT NULL,
            name TEXT NOT NULL,
            email TEXT NOT NULL,
            added_at TEXT NOT NULL,
            added_by TEXT NOT NULL,
            signed_in_at TEXT,
            PRIMARY KEY (issuer, subject)
        )
        """,
        """
        CREATE TABLE grants (
            kind TEXT NOT NULL,
            issuer TEXT NOT NULL,
            subject TEXT NOT NULL,
            role TEXT NOT NULL,
            model_names TEXT NOT NULL,
            granted_at TEXT NOT NULL,
            granted_by TEXT NOT NULL,
            PRIMARY KEY (kind, issuer, subject, role, model_names)
        )
        """,
        """
        CREATE TABLE tokens (
            token_id TEXT PRIMARY KEY,
            secret_sha256 TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL,
            owner_issuer TEXT NOT NULL,
            owner_subject TEXT NOT NULL,
            created_at TEXT NOT NULL,
            created_by TEXT NOT NULL,
            expires_at TEXT NOT NULL,
            last_used TEXT,
            revoked_at TEXT
        )
        """,
        # Of people who signed in, and of links by which they may. Backups leave these out.
        """
        CREATE TABLE sessions (
            secret_sha256 TEXT PRIMARY KEY,
            kind TEXT NOT NULL,
            issuer TEXT NOT NULL,
            subject TEXT NOT NULL,
            member_of TEXT NOT NULL,
            opened_at TEXT NOT NULL,
            seen_at TEXT NOT NULL,
            ends_at TEXT NOT NULL,
            closed_at TEXT
        )
        """,
        "CREATE INDEX sessions_by_person ON sessions (issuer, subject)",
        """
        CREATE TABLE review_requests (
            seq INTEGER PRIMARY KEY,
            model_id TEXT NOT NULL REFERENCES models (model_id),
            asked TEXT NOT NULL,
            issuer TEXT NOT NULL,
            subject TEXT NOT NULL,
            asked_by TEXT NOT NULL,
            at TEXT NOT NULL,
            due TEXT NOT NULL,
            text TEXT NOT NULL,
            closed_at TEXT,
            closed_because TEXT NOT NULL
        )
        """,
        "CREATE INDEX review_requests_by_model ON review_requests (model_id, seq)",
    ),
    # Whose identity tokens are accepted in place of a secret, as JSON; empty: nobody's.
    "0011_workloads": ("ALTER TABLE tokens ADD COLUMN workload TEXT NOT NULL DEFAULT ''",),
    # Calls over HTTP, by the keys that their callers gave them: what is sent again is done once. No backup has them.
    "0012_requests": (
        """
        CREATE TABLE requests (
            caller TEXT NOT NULL,
            request_key TEXT NOT NULL,
            sha256 TEXT NOT NULL,
            begun_at TEXT NOT NULL,
            answer TEXT,
            PRIMARY KEY (caller, request_key)
        )
        """,
    ),
    # Who is told of events, and what came of it. No secret: it is made of the registry's key and the nonce.
    "0013_webhooks": (
        """
        CREATE TABLE webhooks (
            name TEXT PRIMARY KEY,
            address TEXT NOT NULL,
            kinds TEXT NOT NULL,
            model_names TEXT NOT NULL,
            enabled INTEGER NOT NULL,
            nonce TEXT NOT NULL,
            told_seq INTEGER NOT NULL,
            created_at TEXT NOT NULL,
            created_by TEXT NOT NULL
        )
        """,
        """
        CREATE TABLE webhook_deliveries (
            delivery_id TEXT PRIMARY KEY,
            webhook TEXT NOT NULL REFERENCES webhooks (name),
            event_seq INTEGER,
            model_name TEXT NOT NULL,
            at TEXT NOT NULL,
            attempts INTEGER NOT NULL,
            next_at TEXT NOT NULL,
            delivered_at TEXT,
            status INTEGER,
            failure TEXT NOT NULL,
            given_up INTEGER NOT NULL
        )
        """,
        "CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (webhook, model_name, event_seq) "
        "WHERE delivered_at IS NULL AND given_up = 0",
        "CREATE INDEX webhook_deliveries_by_time ON webhook_deliveries (at)",
    ),
    # The last event of a kind, and what was promoted over failed gates, among any number of others.
    "0014_events_by_kind": (
        "CREATE INDEX events_by_kind ON events (kind, seq)",
        "CREATE INDEX events_by_name_and_kind ON events (model_name, kind, seq)",
        "CREATE INDEX models_overridden ON models (seq) WHERE override_note <> ''",
    ),
}
