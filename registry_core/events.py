"""The kinds of events: what each is called on a screen, and what ``before`` and ``after`` of such an event hold."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class EventKind(StrEnum):
    """The kinds of events. A member is the stored and hashed text: it never changes.

    Attributes:
        label: the name of the event on pages and in listings.
        payload: the keys of ``Event.before`` and ``Event.after``.
    """

    label: str
    payload: str

    def __new__(cls, value: str, label: str = "", payload: str = "") -> Self:
        """A member, with what is known of its kind."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        member.payload = payload
        return member

    @classmethod
    def label_of(cls, kind: str) -> str:
        """The label of a stored kind; a kind of a later release is shown with its own name."""
        return cls(kind).label if kind in cls.__members__.values() else kind.replace("_", " ").capitalize()

    # Versions come in.
    REGISTERED = "registered", "Registered", "after: version, version_because, composite_score, promoted, because, ..."
    UPLOADED = "uploaded", "Uploaded", "as for registered"
    IMPORTED = "imported", "Imported", "as for registered, and where the version came from"
    ADOPTED = "adopted", "Adopted", "after: what was found in the folder"
    CONSIDERED = "considered", "Auto-promotion evaluated", "after: promoted, steps"

    # The champion changes.
    PROMOTED = "promoted", "Promoted", "before and after: champion; after: overridden gates, own_gates"
    PROMOTION_UNDONE = "promotion_undone", "Promotion undone", "before and after: champion"
    ROLLED_BACK = "rolled_back", "Rolled back", "before and after: champion"
    ROLLBACK_UNDONE = "rollback_undone", "Rollback undone", "before and after: champion"

    # A version changes its state.
    REJECTED = "rejected", "Rejected", "before and after: status"
    ARCHIVED = "archived", "Archived", "before and after: status"
    RESTORED = "restored", "Restored", "before and after: status"
    DISQUALIFIED = "disqualified", "Disqualified", "before and after: status"
    REINSTATED = "reinstated", "Reinstated", "before and after: status"
    TRASHED = "trashed", "Moved to the trash", "before: status, status_reason; after: status, purge_at, because"
    PURGED = "purged", "Deleted permanently", "before and after: status; after: because"
    PINNED = "pinned", "Pinned", "before and after: pinned"
    UNPINNED = "unpinned", "Unpinned", "before and after: pinned"

    # Evidence and trust.
    BENCHMARK_ADDED = "benchmark_added", "Benchmark added", "after: benchmark, rows, fingerprint, thresholds, protected"
    COLUMNS_PROTECTED = "columns_protected", "Protected columns set", "before and after: benchmark, protected"
    EVALUATED = "evaluated", "Evaluated", "after: benchmark, fingerprint, status, metrics, because"
    FEATURE_IMPACT = "feature_impact", "Feature impact computed", "after: benchmark, fingerprint, metric, rows, largest"
    ANSWERS_CHECKED = "answers_checked", "Predictions verified", "after: status, because, rows, environment"
    REVIEW_APPROVED = "review_approved", "Approved", "after: verdict"
    REVIEW_REJECTED = "review_rejected", "Review declined", "after: verdict"
    REVIEW_COMMENT = "review_comment", "Commented", "after: verdict"
    MODEL_CARD_WRITTEN = (
        "model_card_written",
        "Model card written",
        "before and after: purpose, limits, owner, risk_tier",
    )
    FOREIGN_ACCEPTED = (
        "foreign_accepted",
        "External decisions accepted",
        "after: trusted_names, gates, approvals, overrides, champions, grants",
    )

    # Live traffic.
    EXPERIMENT_STARTED = "experiment_started", "Experiment started", "after: champion, mode, shares, stages, metric"
    EXPERIMENT_SHARE_SET = "experiment_share_set", "Traffic share set", "before and after: mode, shares, arms"
    EXPERIMENT_PAUSED = "experiment_paused", "Experiment paused", "before and after: status"
    EXPERIMENT_RESUMED = "experiment_resumed", "Experiment resumed", "before and after: status"
    EXPERIMENT_ADVANCED = "experiment_advanced", "Experiment advanced", "before and after: stage, shares; overridden"
    EXPERIMENT_STOPPED = "experiment_stopped", "Experiment stopped", "before and after: status, shares, arms"
    EXPERIMENT_PROMOTED = "experiment_promoted", "Experiment promoted", "before and after: status, shares, arms"
    CHALLENGER_WITHDRAWN = "challenger_withdrawn", "Challenger withdrawn", "before and after: status, shares, arms"
    CHALLENGER_REFUSED = "challenger_refused", "Challenger refused", "before and after: status, shares, arms"
    WATCH_BEGUN_ANEW = "watch_begun_anew", "Monitoring restarted", "after: deployment"
    COMPARISON_BEGAN = "comparison_began", "Full comparison started", "after: deployment, standby"
    COMPARISON_ENDED = "comparison_ended", "Full comparison ended", "after: deployment, standby"
    ALERT_OPENED = "alert_opened", "Alert opened", "after: kind, severity, key"
    ALERT_ACKNOWLEDGED = "alert_acknowledged", "Alert acknowledged", "before and after: alert, status"
    ALERT_RESOLVED = "alert_resolved", "Alert resolved", "before and after: alert, status"

    # People.
    PERSON_ADDED = "person_added", "Person added", "after: issuer, subject, name"
    PERSON_REMOVED = "person_removed", "Person removed", "after: issuer, subject, name"
    ROLE_GRANTED = "role_granted", "Role granted", "after: role, model_names, grantee, issuer, subject, name"
    ROLE_REVOKED = "role_revoked", "Role revoked", "after: role, model_names, grantee, issuer, subject, name"
    TOKEN_CREATED = (
        "token_created",
        "Token created",
        "after: token, name, owner, roles, model_names, expires_at, workload",
    )
    TOKEN_REVOKED = "token_revoked", "Token revoked", "after: token, name"
    LINK_CREATED = "link_created", "Sign-in link created", "after: name, issuer, subject, expires_at"
    SIGNED_IN = "signed_in", "Signed in", "after: issuer, subject, groups"
    SIGNED_OUT = "signed_out", "Signed out", "after: issuer, subject, sessions"
    REFUSED = "refused", "Refused", "after: verb"
    WEBHOOK_ADDED = "webhook_added", "Webhook added", "after: webhook, kinds, model_names"
    WEBHOOK_CHANGED = (
        "webhook_changed",
        "Webhook changed",
        "before and after: webhook, enabled, kinds, model_names; after: accepted, secret_rotated",
    )
    WEBHOOK_REMOVED = "webhook_removed", "Webhook removed", "after: webhook"
    REVIEW_REQUESTED = "review_requested", "Review requested", "after: asked, due"
    REVIEW_REQUEST_WITHDRAWN = "review_request_withdrawn", "Review request withdrawn", "after: asked"

    # The registry itself.
    CREATED = "created", "Registry created", "after: the settings"
    CONFIGURED = "configured", "Settings changed", "before and after: the settings"
    COMPRESSED = "compressed", "Compressed", "after: compressed, linked, bytes_before, bytes_after"
    SWEPT = "swept", "Orphaned files deleted", "after: files, count, bytes"
    REPAIRED = "repaired", "Repaired", "after: mended (subject to kinds of findings), and what was rebuilt"
    REBUILT = "rebuilt", "Index rebuilt", "after: changed, left_out"
    RECOVERED = "recovered", "Catalog recovered", "after: source, models, left_out"
    RESTORED_BACKUP = (
        "restored_backup",
        "Backup restored",
        "after: backup, backed_up_at, last_event, release, missing_files",
    )
