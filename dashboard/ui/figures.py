"""A Plotly figure as the plain document that a browser draws.

``go.Figure`` validates each property that is set: 60 ms for a trend, and 0.3 s for the first chart of a server. A page
needs neither. The tests validate instead: they build a ``go.Figure`` of every figure, which refuses what Plotly would.
"""

from __future__ import annotations

from functools import cache
from typing import Any, cast

import pandas as pd
import plotly.io
import streamlit as st
from plotly.basedatatypes import BaseFigure

_CONFIG = {"displayModeBar": False, "scrollZoom": False, "responsive": True}


class Figure:
    """Traces and a layout, with those methods of ``go.Figure`` that charts use; nothing is validated.

    A property that is None is left out. A title may be a string.
    """

    def __init__(self, **layout: Any) -> None:
        self.data: list[dict[str, Any]] = []
        self.layout: dict[str, Any] = _plain(layout)

    def add_scatter(self, **trace: Any) -> None:
        self.data.append(_plain({"type": "scatter", **trace}))

    def add_bar(self, **trace: Any) -> None:
        self.data.append(_plain({"type": "bar", **trace}))

    def add_heatmap(self, **trace: Any) -> None:
        self.data.append(_plain({"type": "heatmap", **trace}))

    def add_annotation(self, **annotation: Any) -> None:
        self.layout.setdefault("annotations", []).append(_plain(annotation))

    def add_shape(self, **shape: Any) -> None:
        self.layout.setdefault("shapes", []).append(_plain(shape))

    def add_hline(self, y: float, **shape: Any) -> None:
        """A line from the left end of the plot to the right."""
        self.add_shape(type="line", xref="x domain", x0=0, x1=1, y0=y, y1=y, **shape)

    def add_vline(self, x: float, **shape: Any) -> None:
        """A line from the lower end of the plot to the upper."""
        self.add_shape(type="line", yref="y domain", y0=0, y1=1, x0=x, x1=x, **shape)

    def update_layout(self, **layout: Any) -> None:
        _merge(self.layout, _plain(layout))

    def update_xaxes(self, **axis: Any) -> None:
        """Set properties of every horizontal axis."""
        self._update_axes("xaxis", axis)

    def update_yaxes(self, **axis: Any) -> None:
        """Set properties of every vertical axis."""
        self._update_axes("yaxis", axis)

    def _update_axes(self, kind: str, properties: dict[str, Any]) -> None:
        for name, axis in self.layout.items():
            if name.startswith(kind):
                _merge(axis, _plain(properties))

    def to_dict(self) -> dict[str, Any]:
        """The document: lists, dicts, texts, numbers and dates."""
        return {"data": self.data, "layout": {"template": _template(), **self.layout}}


class _Sent(BaseFigure):
    """What Streamlit takes for a figure that Plotly validated; all it asks of one is ``to_dict``."""

    def __init__(self, figure: Figure) -> None:
        object.__setattr__(self, "to_dict", figure.to_dict)


def show(figure: Figure, *, key: str, alt: str) -> None:
    """Draw a figure in the place that is open.

    Args:
        figure: what is drawn.
        key: the element's key on its page.
        alt: what a screen reader says.
    """
    st.plotly_chart(_Sent(figure), config=_CONFIG, key=key, alt=alt)


@cache
def _template() -> dict[str, Any]:
    """What Streamlit made Plotly's default: its browser part writes the theme's fonts and colours into it."""
    return cast("dict[str, Any]", plotly.io.templates[plotly.io.templates.default].to_plotly_json())


def _plain(value: Any) -> Any:
    """The same of lists and dicts, without what is None in a dict."""
    if isinstance(value, dict):
        return {name: _titled(name, _plain(each)) for name, each in value.items() if each is not None}
    if isinstance(value, pd.DataFrame):
        return value.to_numpy().tolist()
    return value.tolist() if hasattr(value, "tolist") else value


def _titled(name: str, value: Any) -> Any:
    return {"text": value} if name == "title" and isinstance(value, str) else value


def _merge(target: dict[str, Any], changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(target.get(name), dict):
            _merge(target[name], value)
        else:
            target[name] = value
