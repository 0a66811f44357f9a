"""How much was tried, as reports tell it beside a verdict."""

from collections.abc import Mapping

from sessionproof._requirements import catalogue

_COUNTED = {"save calls": "saves", "load calls": "loads", "delete calls": "deletes", "prune calls": "prunes"}


def tried(id: str, trials: Mapping[str, int]) -> str:
    """What was tried, in a few words: what only this probe counts goes first, then calls that the requirement needs.

    Where more was possible than was tried, it says of how many: a `pass` holds for those only.
    """
    needed = {f"{name.replace('_', ' ')} calls" for names in catalogue()[id].operations for name in names}
    counted = {what: number for what, number in trials.items() if not what.endswith((" acknowledged", " possible"))}
    ranked = sorted(counted.items(), key=lambda item: (item[0].endswith(" calls"), item[0] not in needed, -item[1]))
    return ", ".join(
        _counted(number, _COUNTED.get(what, what), trials.get(f"{what} possible", number))
        for what, number in ranked[:3]
    )


def _counted(number: int, what: str, possible: int) -> str:
    if possible > number:
        return f"{number:,} of {possible:,} {what}"
    if number == 1:
        first, _, rest = what.partition(" ")
        first = f"{first[:-3]}y" if first.endswith("ies") else first.removesuffix("s")
        what = f"{first} {rest}".strip()
    return f"{number:,} {what}"
