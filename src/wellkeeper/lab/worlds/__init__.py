"""What a model can be trained on again and again: worlds, from one with a closed form to a real language model."""
