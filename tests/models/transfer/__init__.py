"""Downloads against the loopback hub."""
