"""Why a file cannot be accepted: what every part of the inspection raises."""

from __future__ import annotations


class Refused(Exception):
    """A file that cannot be accepted; the text says what in it, as the end of "model.pkl is refused: it ...".

    ``remedy`` is a sentence of its own: what helps.
    """

    def __init__(
        self, why: str, remedy: str = "Save the model again where it was trained, and upload that file"
    ) -> None:
        super().__init__(why)
        self.remedy = remedy
