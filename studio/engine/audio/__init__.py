"""Families that sound."""
