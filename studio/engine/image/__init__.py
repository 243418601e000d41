"""Families that draw."""
