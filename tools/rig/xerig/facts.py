# SPDX-License-Identifier: MIT
"""What conditions of lists (key=value) are compared with."""


def values(facts, key):
    """A fact's values as text. Of several GPUs in a guest it is the one that is unplugged; of states that are held
    together each counts."""
    text = str(facts.get(key))
    if key == "gpu":
        return [text.split("+")[0]]
    return text.split("+") if key == "state" else [text]
