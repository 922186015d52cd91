"""Images as documents: what they say of their making, and which are the same."""
