"""Processes are killed at every moment; nothing may be lost."""
