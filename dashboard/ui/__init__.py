"""Parts that several pages draw; none of them knows a page."""
