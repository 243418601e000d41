"""The room that runs models, in a process of its own; the supervisor is its only door."""
