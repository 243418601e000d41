"""Speed, each figure beside its peer's in the same run and at the same thread count."""
