"""What a trace is: its tree, its summary, its flags and outcomes, and how it is drawn in rows and lanes."""
