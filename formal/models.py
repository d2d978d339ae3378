"""The models that run.py runs: each a text, its queries, and its variants, the text itself first."""

from dataclasses import dataclass
from pathlib import Path

import renewal_variants
import resume_variants
import variants

FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Model:
    """`goals` is how many of the queries, from the first, are goals; the others are reachability."""

    file: str
    queries: tuple
    goals: int
    variants: tuple

    @property
    def text(self):
        return (FOLDER / self.file).read_text(encoding="utf-8")


MODELS = (
    Model("handshake.pv", variants.QUERIES, 7, variants.VARIANTS),
    Model("resume.pv", resume_variants.QUERIES, 9, resume_variants.VARIANTS),
    Model("renewal.pv", renewal_variants.QUERIES, 9, renewal_variants.VARIANTS),
)


def model_of(variant):
    """The model that a variant is derived from."""
    return next(model for model in MODELS if variant in model.variants)
