"""What somebody brings, made into models that can be run: one file a converter."""
