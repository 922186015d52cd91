"""Models over time: two runs compared, a watch that stays true for a year, and its page."""
