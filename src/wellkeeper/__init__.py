"""Keep the well clean: know what in a corpus is human, AI-made or mixed; curate a set that keeps the tails.

    import wellkeeper

    audit = wellkeeper.audit("my_corpus/", reference="human/")
    audit.findings                      # what to look at, and what to do next
    result = wellkeeper.curate("recipe.yaml")
    result.paths["data"]                # Parquet files of the training set

The command line says the same: `wellkeeper audit my_corpus/`, `wellkeeper curate recipe.yaml`.
"""

from typing import TYPE_CHECKING, Any

from wellkeeper import errors

if TYPE_CHECKING:
    from wellkeeper.infer.voting import best_of_n, vote
    from wellkeeper.ledger.forget import forget
    from wellkeeper.ledger.verify import verify
    from wellkeeper.recipe.anchors import build_anchors
    from wellkeeper.recipe.asking import ask
    from wellkeeper.recipe.audit import audit
    from wellkeeper.recipe.compare import compare
    from wellkeeper.recipe.compare_runs import compare_runs
    from wellkeeper.recipe.curate import curate
    from wellkeeper.recipe.forecast import forecast
    from wellkeeper.recipe.images import audit_images
    from wellkeeper.recipe.prove import prove
    from wellkeeper.recipe.queueing import make_queue
    from wellkeeper.recipe.recommend import recommend
    from wellkeeper.recipe.results import (
        Audit,
        Comparison,
        Curation,
        Forecast,
        ImageAudit,
        Proof,
        Recommendation,
        RunsCompared,
    )
    from wellkeeper.recipe.review_standing import standing_of
    from wellkeeper.recipe.reviewed import apply_reviews
    from wellkeeper.recipe.reviewing import open_queue
    from wellkeeper.suites.reading import read_suite
    from wellkeeper.suites.run_files import read_run

__version__ = "0.1.0"
__all__ = [
    "Audit",
    "Comparison",
    "Curation",
    "Forecast",
    "ImageAudit",
    "Proof",
    "Recommendation",
    "RunsCompared",
    "__version__",
    "apply_reviews",
    "ask",
    "audit",
    "audit_images",
    "best_of_n",
    "build_anchors",
    "compare",
    "compare_runs",
    "curate",
    "errors",
    "forecast",
    "forget",
    "make_queue",
    "open_queue",
    "prove",
    "read_run",
    "read_suite",
    "recommend",
    "standing_of",
    "verify",
    "vote",
]

_HOMES = {
    "apply_reviews": "wellkeeper.recipe.reviewed",
    "ask": "wellkeeper.recipe.asking",
    "audit": "wellkeeper.recipe.audit",
    "audit_images": "wellkeeper.recipe.images",
    "best_of_n": "wellkeeper.infer.voting",
    "build_anchors": "wellkeeper.recipe.anchors",
    "compare": "wellkeeper.recipe.compare",
    "compare_runs": "wellkeeper.recipe.compare_runs",
    "curate": "wellkeeper.recipe.curate",
    "forecast": "wellkeeper.recipe.forecast",
    "forget": "wellkeeper.ledger.forget",
    "make_queue": "wellkeeper.recipe.queueing",
    "open_queue": "wellkeeper.recipe.reviewing",
    "prove": "wellkeeper.recipe.prove",
    "read_run": "wellkeeper.suites.run_files",
    "read_suite": "wellkeeper.suites.reading",
    "recommend": "wellkeeper.recipe.recommend",
    "standing_of": "wellkeeper.recipe.review_standing",
    "verify": "wellkeeper.ledger.verify",
    "vote": "wellkeeper.infer.voting",
    "Audit": "wellkeeper.recipe.results",
    "Comparison": "wellkeeper.recipe.results",
    "Curation": "wellkeeper.recipe.results",
    "Forecast": "wellkeeper.recipe.results",
    "ImageAudit": "wellkeeper.recipe.results",
    "Proof": "wellkeeper.recipe.results",
    "Recommendation": "wellkeeper.recipe.results",
    "RunsCompared": "wellkeeper.recipe.results",
}


def __getattr__(name: str) -> Any:
    # Names are looked up when used, so that `wellkeeper --help` need not load numpy, Arrow and numba.
    if name not in _HOMES:
        raise AttributeError(f"module 'wellkeeper' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
