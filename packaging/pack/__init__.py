"""Makes installers of Triptych: a bundle, what is round it, what is said of it."""
