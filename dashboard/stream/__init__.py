"""What a live page is sent: following the tail, one client's frames, the markup they are made of."""
