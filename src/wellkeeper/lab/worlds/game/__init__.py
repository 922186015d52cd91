"""A real game, solved: limited players, a small transformer that learns from their games, and who beats whom."""

from wellkeeper.lab.worlds.game.experiment import EXPERIMENT

__all__ = ["EXPERIMENT"]
