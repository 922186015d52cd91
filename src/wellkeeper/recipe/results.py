"""What the verbs return: frozen values that answer the next question without another run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wellkeeper.core.finding import Finding, Severity

if TYPE_CHECKING:
    from wellkeeper.watch.comparison import RunComparison


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Documented:
    """What a verb found, as a document of plain values that follows a schema."""

    document: Mapping[str, Any]
    paths: Mapping[str, Path]  # what was written; empty where nothing was

    def to_json(self) -> dict[str, Any]:
        return json.loads(json.dumps(self.document))  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Audit(Documented):
    """What is in a corpus. `document` follows the schema `wellkeeper.audit/1`; `paths` names what was written."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        return _findings_in(self.document)

    @property
    def verdict(self) -> str:
        """`clean`, or `findings` where one is a warning or an error."""
        return str(self.document["verdict"])

    @property
    def documents(self) -> int:
        return int(self.document["inputs"]["documents"])

    @property
    def share(self) -> Mapping[str, Any]:
        """AI-made share of the documents: `estimate` (None where not identified), `low`, `high`, `note`."""
        return dict(self.document["origin"]["share"])

    def to_html(self) -> str:
        """The report as one self-contained page."""
        from wellkeeper.report import render_html

        return render_html(self.document, title="Corpus audit")

    def __repr__(self) -> str:
        duplicates = self.document["duplicates"]
        return (
            f"Audit({self.documents:,} documents, AI-made {_percent(self.share)}, "
            f"{duplicates['exact']['redundant']:,} exact and {duplicates['near']['redundant']:,} near duplicates, "
            f"{len(self.findings)} findings, verdict {self.verdict})"
        )

    def _repr_html_(self) -> str:
        rows = [
            ("Documents", f"{self.documents:,}"),
            ("AI-made", _percent(self.share)),
            ("Exact duplicates", f"{self.document['duplicates']['exact']['redundant']:,}"),
            ("Near duplicates", f"{self.document['duplicates']['near']['redundant']:,}"),
            *((f"{finding.code} {finding.severity}", finding.title) for finding in self.findings),
        ]
        return _table("wellkeeper audit", rows)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Curation(Documented):
    """What a recipe did. `document` follows the schema `wellkeeper.curate/1`; `paths` names what was written."""

    @property
    def kept(self) -> int:
        return int(self.document["kept"])

    @property
    def dropped(self) -> int:
        return int(self.document["dropped"])

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What its steps cost the tail of the reference, where that is more than chance takes."""
        return _findings_in(self.document)

    def why(self, document: str) -> Any:
        """The story of one document, by id, hash or place: see `wellkeeper.ledger.why`."""
        from wellkeeper.ledger.why import why

        return why(self.paths["folder"], document)

    def __repr__(self) -> str:
        document = self.document
        return (
            f"Curation({document['recipe']}: kept {document['kept']:,} of {document['documents']:,} documents, "
            f"dropped {document['dropped']:,}, for review {document['review']:,}, "
            f"quarantined {document['quarantined']:,} records)"
        )

    def _repr_html_(self) -> str:
        rows = [
            (key.capitalize(), f"{self.document[key]:,}")
            for key in ("kept", "dropped", "review", "quarantined")
        ]
        rows += [(step["step"], f"-{step['dropped']:,}") for step in self.document["steps"]]
        return _table(f"wellkeeper curate: {self.document['recipe']}", rows)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Comparison(Documented):
    """Two corpora compared. `document` follows the schema `wellkeeper.compare/1`; `paths` names what was written."""

    @property
    def verdict(self) -> str:
        """`worse`, `not worse` by more than the margin, or `not enough data`: of the second corpus."""
        return str(self.document["verdict"])

    @property
    def worse(self) -> tuple[Mapping[str, Any], ...]:
        """The figures that are worse, each with its `family`."""
        return tuple(
            {"family": family["family"], **change}
            for family in self.document["families"]
            for change in family["changes"]
            if change["verdict"] == "worse"
        )

    @property
    def documents_to_decide(self) -> Mapping[str, int] | None:
        """About how many documents of each corpus would decide, where there are not enough data."""
        found = self.document["documents_to_decide"]
        return None if found is None else dict(found)

    def to_html(self) -> str:
        """The report as one self-contained page."""
        from wellkeeper.report.compare import render_comparison

        return render_comparison(self.document)

    def __repr__(self) -> str:
        first, second = (self.document["inputs"][side]["documents"] for side in ("first", "second"))
        found = f", {len(self.worse)} figures worse" if self.worse else ""
        return f"Comparison({first:,} against {second:,} documents: {self.verdict}{found})"

    def _repr_html_(self) -> str:
        rows = [("Verdict", self.verdict)]
        rows += [
            (
                f"{family['family']} {change['figure']}",
                f"{change['change']['estimate']:+.1%}, {change['verdict']}",
            )
            for family in self.document["families"]
            for change in family["changes"]
        ]
        return _table("wellkeeper compare", rows)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Vetted(Documented):
    """A synthetic set at the gate. `document` follows the schema `wellkeeper.vet/1`; `paths` names what was written."""

    @property
    def verdict(self) -> str:
        """`admitted`, `refused` or `not enough data`."""
        return str(self.document["verdict"])

    @property
    def gate(self) -> tuple[Mapping[str, Any], ...]:
        """The conditions, each with `condition`, `passed`, `said`, `next` and `figures`."""
        return tuple(self.document["gate"])

    def why(self, document: str) -> Any:
        """The story of one text, by id, hash or place: see `wellkeeper.ledger.why`."""
        from wellkeeper.ledger.why import why

        return why(self.paths["folder"], document)

    def to_html(self) -> str:
        """The report as one self-contained page."""
        from wellkeeper.report.vet import render_vetting

        return render_vetting(self.document)

    def __repr__(self) -> str:
        counts = self.document["counts"]
        return f"Vetted({counts['kept']:,} of {counts['documents']:,} texts accepted: {self.verdict})"

    def _repr_html_(self) -> str:
        rows = [("Verdict", self.verdict), *((one["condition"], one["passed"]) for one in self.gate)]
        return _table("wellkeeper vet", rows)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RunsCompared(Documented):
    """Two versions of a model compared. `document` follows the schema `wellkeeper.compare-runs/1`."""

    comparison: "RunComparison"  # all figures as values, and the examples with all that was answered

    @property
    def verdict(self) -> str:
        """`worse`, `not worse` by more than the margin, or `not enough data`: of the second run."""
        return self.comparison.verdict

    @property
    def worse(self) -> tuple[str, ...]:
        """Names of the metrics that are worse."""
        return tuple(metric.name for metric in self.comparison.metrics if metric.verdict == "worse")

    @property
    def items_to_decide(self) -> int | None:
        """About how many items in all would decide, where there are not enough data."""
        return self.comparison.items_to_decide

    def to_html(self) -> str:
        """The report as one self-contained page."""
        from wellkeeper.report.compare_runs import render_run_comparison

        return render_run_comparison(self.document)

    def __repr__(self) -> str:
        found = f": {', '.join(self.worse)}" if self.worse else ""
        return f"RunsCompared({self.comparison.items:,} items: {self.verdict}{found})"

    def _repr_html_(self) -> str:
        rows = [("Verdict", self.verdict)]
        rows += [(metric.name, metric.verdict) for metric in self.comparison.metrics]
        return _table("wellkeeper compare", rows)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Proof(Documented):
    """Whether curated sets teach better. `document` follows the schema `wellkeeper.prove/1`; `paths` has the files."""

    @property
    def verdict(self) -> str:
        """`better`, `worse`, `no difference found` or `not enough data`: of the first curated set."""
        return str(self.document["verdict"])

    @property
    def gain(self) -> Mapping[str, Any]:
        """Of the first curated set over all held-out words, in nats a word: `estimate`, `low`, `high`, `p`, ..."""
        return dict(self.document["sets"][0]["gain"])

    def to_html(self) -> str:
        """The report as one self-contained page."""
        from wellkeeper.report.prove import render_proof

        return render_proof(self.document)

    def __repr__(self) -> str:
        told = [
            f"{found['name']} {found['verdict']}, {_nats(found['gain'])}" for found in self.document["sets"]
        ]
        return f"Proof({'; '.join(told)})"

    def _repr_html_(self) -> str:
        rows = [
            (found["name"], f"{found['verdict']}, {_nats(found['gain'])}") for found in self.document["sets"]
        ]
        return _table("wellkeeper prove", rows)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Recommendation(Documented):
    """A recipe derived from an audit. `document` follows the schema `wellkeeper.recommend/1`; `paths` has the file."""

    @property
    def recipe(self) -> str:
        """The recipe as YAML, each line with its reason above it."""
        return str(self.document["recipe"])

    @property
    def reasons(self) -> tuple[Mapping[str, Any], ...]:
        """For each line that has any: `key`, `value`, `in_recipe`, `reasons` as sentences, `figures`."""
        return tuple(self.document["reasons"])

    @property
    def kept(self) -> Curation:
        """What the recipe would do, as a dry run of it tells."""
        return Curation(document=self.document["kept"], paths={})

    def __repr__(self) -> str:
        kept = self.document["kept"]
        steps = sum(row["key"].startswith("steps.") and row["in_recipe"] for row in self.reasons)
        return (
            f"Recommendation({steps} steps, would keep {kept['kept']:,} of {kept['documents']:,} documents, "
            f"dropping {kept['dropped']:,}, for review {kept['review']:,})"
        )

    def _repr_html_(self) -> str:
        rows = [(row["key"], " ".join(row["reasons"])) for row in self.reasons]
        return _table("wellkeeper recommend", rows)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LabRun(Documented):
    """An experiment of the lab, or several compared; `paths` names what was written.

    `document` follows the schema `wellkeeper.lab/1`, or `wellkeeper.lab-comparison/1`.
    """

    @property
    def headline(self) -> str:
        return str(self.document["reading"]["headline"])

    @property
    def verdicts(self) -> Mapping[str, str]:
        """What each policy did, by its label: `holds`, `worse`, `noise drift`, `entropy collapse`, ..."""
        return {told["label"]: told["verdict"] for told in self.document["reading"]["policies"]}

    def values(self) -> Any:
        """Every value of every replicate, as an Arrow table: policy, replicate, generation, figure, value."""
        import pyarrow.parquet as pq

        return pq.read_table(self.paths["curves"])

    def to_html(self) -> str:
        """The report as one self-contained page."""
        from wellkeeper.report.lab import render_run

        return render_run(self.document)

    def __repr__(self) -> str:
        return f"LabRun({', '.join(f'{label}: {verdict}' for label, verdict in self.verdicts.items())})"

    def _repr_html_(self) -> str:
        rows = [(told["label"], told["sentence"]) for told in self.document["reading"]["policies"]]
        return _table(self.headline, rows)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Forecast(Documented):
    """What generations of training on model output keep of a corpus. `document`: schema `wellkeeper.forecast/1`."""

    @property
    def ranking(self) -> tuple[str, ...]:
        """Policies, the one that loses least of the corpus' words first; those that were not ranked are left out."""
        return tuple(row["policy"] for row in self.document["ranking"][0]["policies"])

    @property
    def fresh_share(self) -> float:
        """The least share of fresh human text in each training set that keeps the wanted part of the tail for ever."""
        return float(self.document["fresh_share"]["share"])

    def policy(self, name: str) -> Mapping[str, Any]:
        """All that is told of one policy: `law`, `limit`, `bound`, `kernel`, `run`.

        Raises:
            RecipeError: it is no policy.
            KeyError: it was not forecast.
        """
        from wellkeeper.lab.policy import Policy  # the same policy may be written in several ways

        return dict({row["policy"]: row for row in self.document["policies"]}[str(Policy.parse(name))])

    def to_html(self) -> str:
        """The report as one self-contained page."""
        from wellkeeper.report.forecast import render_forecast

        return render_forecast(self.document)

    def __repr__(self) -> str:
        best = f"least lost by {self.ranking[0]}" if self.ranking else "no policy ranked"
        return (
            f"Forecast({len(self.document['policies'])} policies, {self.document['generations']} generations, "
            f"tier {self.document['tier']}: {best})"
        )

    def _repr_html_(self) -> str:
        rows = [
            (row["policy"], f"{row['estimate']:.1%} of the corpus' words lost")
            for row in self.document["ranking"][0]["policies"]
        ]
        return _table("wellkeeper forecast", rows)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ImageAudit(Documented):
    """What is in a set of pictures. `document` follows the schema `wellkeeper.audit-images/1`."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        return _findings_in(self.document)

    @property
    def verdict(self) -> str:
        """`clean`, or `findings` where one is a warning or an error."""
        return str(self.document["verdict"])

    @property
    def images(self) -> int:
        return int(self.document["inputs"]["documents"])

    def why(self, image: str) -> Any:
        """The story of one picture, by id, hash or place: see `wellkeeper.ledger.why`."""
        from wellkeeper.ledger.why import why

        return why(self.paths["folder"], image)

    def __repr__(self) -> str:
        resolved, near = self.document["origin"]["resolved"], self.document["duplicates"]["near"]
        made_by_ai = resolved["ai-generated"] + resolved["ai-assisted"]
        return (
            f"ImageAudit({self.images:,} images, {made_by_ai:,} marked as AI-made, {near['redundant_in_all']:,} copies "
            f"of others, {len(self.findings)} findings, verdict {self.verdict})"
        )


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RunPlan(Documented):
    """What a comparison of two versions takes. `document` follows the schema `wellkeeper.plan/1`."""

    @property
    def verdict(self) -> str:
        """`planned`; of a suite that is there: `enough` or `too few` items."""
        return str(self.document["verdict"])

    @property
    def tests(self) -> tuple[Mapping[str, Any], ...]:
        """Each metric in each world, with its `plans`."""
        return tuple(self.document["tests"])

    def to_html(self) -> str:
        """The plan as one self-contained page."""
        from wellkeeper.report.plan import render_plan

        return render_plan(self.document)

    def __repr__(self) -> str:
        return f"RunPlan({100 * self.document['drop']:g} points, {len(self.tests)} tests, {self.verdict})"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RunTrend(Documented):
    """Runs along an ordered family. `document` follows the schema `wellkeeper.trend/1`."""

    @property
    def verdict(self) -> str:
        """`worse`, `no harm shown`: along the family."""
        return str(self.document["verdict"])

    @property
    def metrics(self) -> Mapping[str, str]:
        """Of each metric its shape: rising, falling, U, inverted U or none."""
        return {row["metric"]: row["trend"]["verdict"] for row in self.document["metrics"]}

    def to_html(self) -> str:
        """The trend as one self-contained page."""
        from wellkeeper.report.trend import render_trend

        return render_trend(self.document)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {shape}" for name, shape in self.metrics.items())
        return f"RunTrend({len(self.document['members'])} runs: {shapes}; {self.verdict})"


def _findings_in(document: Mapping[str, Any]) -> tuple[Finding, ...]:
    return tuple(
        Finding(**{**finding, "severity": Severity(finding["severity"])}) for finding in document["findings"]
    )


def _percent(share: Mapping[str, Any]) -> str:
    if share["estimate"] is None:
        return f"not identified, between {share['low']:.1%} and {share['high']:.1%}"
    return f"{share['estimate']:.1%} ({share['low']:.1%} to {share['high']:.1%})"


def _nats(gain: Mapping[str, Any]) -> str:
    return f"{gain['estimate']:+.3f} nats a word ({gain['low']:+.3f} to {gain['high']:+.3f})"


def _table(title: str, rows: list[tuple[str, str]]) -> str:
    import html  # for notebooks alone

    body = "".join(f"<tr><th>{html.escape(a)}</th><td>{html.escape(b)}</td></tr>" for a, b in rows)
    return f"<table><caption>{html.escape(title)}</caption>{body}</table>"
