"""Results of the literature that the lab reproduces: `wellkeeper lab check`."""
