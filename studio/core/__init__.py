"""What everybody in the studio speaks; it knows nobody."""
