"""The containers that carry a recipe: each module reads and writes the note of one of them."""
