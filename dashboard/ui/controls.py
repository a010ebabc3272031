"""Buttons of actions: disabled, with the reason, where the roles of the signed-in person do not allow them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard import permissions, session


def button(
    label: str,
    verb: str,
    model_name: str | None,
    view: session.View,
    *,
    arguments: Mapping[str, Any] | None = None,
    submit: bool = False,
    disabled: bool = False,
    help: str | None = None,
    **options: Any,
) -> bool:
    """A button, or with ``submit`` that of a form, for a method of the registry; whether it was pressed.

    Args:
        verb: the method.
        model_name: the model name it acts on; None: all.
        arguments: arguments of the method that decide about the role.
        options: further arguments of Streamlit's button.
    """
    refused = permissions.role_refusal(view, verb, model_name, **(arguments or {}))
    press = st.form_submit_button if submit else st.button
    return bool(press(label, disabled=disabled or refused is not None, help=refused or help, **options))
