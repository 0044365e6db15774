"""English names, for the programs that write or rename code."""

import re
import sys


def singular_of(plural):
    """Returns the singular of a regular plural."""
    if plural.endswith("ies"):
        return plural[:-3] + "y"
    if plural.endswith(("sses", "xes", "ches", "shes")):
        return plural[:-2]
    return plural.removesuffix("s")


def pair(names):
    """Returns the plural and the singular, which may be left out where it is regular."""
    plural, singular = names if len(names) == 2 else (names[0], singular_of(names[0]))
    if plural == singular:
        raise ValueError(f"the singular of {plural} is not known: name it, too")
    if len(names) == 1:
        print(f"one of the {plural} is called {singular}; if that is wrong, undo this and name it, too", file=sys.stderr)
    return plural, singular


def with_articles(text, old, new):
    """Gives the old name, which is about to be replaced, the article of the new one."""
    article = "n" if new[0] in "aeiou" else ""
    name = f"(?:{re.escape(old)}|{re.escape(old.capitalize())})(?![a-rt-z])"
    return re.sub(rf"(?<![a-zA-Z])([Aa])n?([ _][`\[]*)(?={name})", rf"\g<1>{article}\g<2>", text)
