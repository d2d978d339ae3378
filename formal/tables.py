"""The verdict tables of RESULTS.md: how a row is written, and how a run puts its rows into the file."""

from models import MODELS, model_of


class RecordError(Exception):
    """RESULTS.md has no table for the model."""


def row(outcome, title):
    """One line of a table; a run without verdicts shows as such."""
    names = model_of_name(outcome.name).queries
    cells = " | ".join(f"**{c}**" if c == "F" else c for c in outcome.verdicts or "!" * len(names))
    return f"| `{outcome.name}` | {cells} | {outcome.seconds:.0f} | {title} |"


def model_of_name(name):
    return next(model for model in MODELS if any(variant.name == name for variant in model.variants))


def head(model):
    names = [query.name for query in model.queries]
    return ["| Variant | " + " | ".join(names) + " | s | What is changed |", "|---|" + "---|" * (len(names) + 2)]


def table(rows, model):
    """The table of a model from rows by variant name, in the order of its variants."""
    return "\n".join(head(model) + [rows[variant.name] for variant in model.variants if variant.name in rows])


def rows_of(outcomes):
    titles = {variant.name: variant.title for model in MODELS for variant in model.variants}
    return {outcome.name: row(outcome, titles[outcome.name]) for outcome in outcomes}


def tables(outcomes):
    rows = rows_of(outcomes)
    return "\n\n".join(table(rows, model) for model in MODELS)


def recorded(text, outcome):
    """`text` of RESULTS.md with the row of this outcome in its table, in place of an older one."""
    model = model_of_name(outcome.name)
    lines = text.splitlines()
    first = head(model)[0]
    if first not in lines:
        raise RecordError(f"no table begins with {first!r}")
    start = lines.index(first)
    end = start + 2
    rows = {}
    while end < len(lines) and lines[end].startswith("| `"):
        rows[lines[end].split("`")[1]] = lines[end]
        end += 1
    rows |= rows_of([outcome])
    return "\n".join(lines[:start] + table(rows, model).splitlines() + lines[end:]) + "\n"
