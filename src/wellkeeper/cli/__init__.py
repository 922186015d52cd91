"""One short file a verb; everything heavy is imported inside the command."""
