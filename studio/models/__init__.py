"""What models can be had and what is on disk."""
