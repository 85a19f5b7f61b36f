"""A result as one page that can be mailed: what is asked (``asked``), what is said, what is drawn, the page."""
