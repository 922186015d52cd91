"""The loop that hands depths down from parents to children."""

from typing import Any

from wellkeeper.core.lineage import DEEPEST, UNKNOWN_DEPTH
from wellkeeper.native import loop


@loop("const i64[:], const i64[:], i64[:], u8[:], u8[:], const u8[:], i64[:]", returns="i64")
def hand_down(
    starts: Any, children: Any, waiting: Any, depth: Any, unsure: Any, otherwise: Any, queue: Any
) -> Any:
    """Depths of texts, every one after its parents' (Kahn 1962); returns how many have one.

    Children of text k are `children[starts[k]:starts[k + 1]]`; `waiting` is how many parents a text still waits for,
    and negative where it waits for none and keeps the `depth` it has. Of the others `depth` is the largest so far,
    `unsure` whether a parent is unknown, `otherwise` what is taken then. All have shape (texts,) and `queue` room for
    as many. What is still waiting at the end descends from itself, or from a text that does.
    """
    last = 0
    for text in range(waiting.size):
        if waiting[text] < 0:
            queue[last] = text
            last += 1
    first = 0
    while first < last:
        parent = queue[first]
        first += 1
        for place in range(starts[parent], starts[parent + 1]):
            child = children[place]
            if waiting[child] <= 0:
                continue
            if depth[parent] == UNKNOWN_DEPTH:
                unsure[child] = 1
            elif depth[parent] >= depth[child]:
                depth[child] = min(depth[parent] + 1, DEEPEST)
            waiting[child] -= 1
            if waiting[child] == 0:
                if unsure[child]:
                    depth[child] = otherwise[child]
                queue[last] = child
                last += 1
    return last
