"""A page on this machine to separate in a browser, and its HTTP interface."""
