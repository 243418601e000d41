"""The kinds of models that speak: one file each, all behind the same small protocol."""
