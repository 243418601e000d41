"""Triptych: a desktop studio for making text, pictures and sound on a person's own computer."""

__version__ = "0.1.0"
