"""What a fresh magazine starts with: authors, articles and drawn pictures."""
