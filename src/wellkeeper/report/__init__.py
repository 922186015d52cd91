"""Results to terminal, JSON and one HTML file. Reads core types only."""
