"""What models are asked, what their answers are worth, and runs of both: ours, and those of other tools."""
