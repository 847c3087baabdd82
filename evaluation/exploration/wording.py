"""How figures are written in sentences and on the page."""


def percent(share: float | None, digits: int = 1) -> str:
    """A share as it is read, "27.5 %" with a space that does not break; a dash where there is none."""
    return "–" if share is None else f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"


def number(value: float | None, form: str = ",.4g") -> str:
    """A number in the form given; a dash where there is none."""
    return "–" if value is None else format(value, form)
