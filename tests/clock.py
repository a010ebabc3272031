"""A clock that stands still until it is told to move."""

from datetime import UTC, datetime, timedelta


class Clock:
    """Call it for the time: `Registry(folder, clock=Clock())`."""

    def __init__(self, now: datetime = datetime(2025, 7, 31, 12, 0, 0, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def tick(self, seconds: float = 1.0, **parts: float) -> datetime:
        """Move on by seconds and any further parts of a timedelta (`tick(days=3)` adds them to no seconds)."""
        self.now += timedelta(**parts) if parts else timedelta(seconds=seconds)
        return self.now
