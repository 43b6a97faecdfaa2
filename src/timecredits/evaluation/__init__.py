"""What followed from what: only queries over the others."""
