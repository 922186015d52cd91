"""Pure functions on arrays: tails, diversity, intervals. A statistician can review this folder alone."""
