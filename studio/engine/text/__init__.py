"""Families that write."""
