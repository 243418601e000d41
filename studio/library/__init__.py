"""What was made: files first, a database beside them."""
