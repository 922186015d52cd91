"""Whether what a sealed folder, or a proof taken from it, says of one document is what was sealed."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from wellkeeper.errors import InputError
from wellkeeper.ledger.find import nothing_fits, rows_with
from wellkeeper.ledger.folder import open_part_tables
from wellkeeper.ledger.proof import Proof, proof_of, read_proof
from wellkeeper.ledger.signature import VerifyKey
from wellkeeper.ledger.texts import check_text
from wellkeeper.ledger.verification import (
    AGAIN,
    SUSPECT,
    Problem,
    Verification,
    check_signature,
    key_of,
    keyids_of,
)


def verify_document(
    folder: Path | str, query: str, *, key: VerifyKey | Path | str | None = None
) -> Verification:
    """Check what a sealed folder says of one document, and its text, and nothing else.

    `query`, and which documents it names, are as in `wellkeeper.ledger.why.why`; `key` is as in
    `wellkeeper.ledger.verify.verify`.

    Raises:
        InputError: the folder is not sealed, nothing in it fits the query, or the key cannot be read.
    """
    folder = Path(folder)
    try:
        documents = open_part_tables(folder, "documents")
        rows = rows_with(folder, documents, query)
        if not rows:
            raise nothing_fits(folder, documents, query)
        proofs = [proof_of(folder, row) for row in rows]
        told = "data" in proofs[0].statement.predicate["tables"]
        sound = [proof.record() for proof in proofs if told and proof.fits()]
        problems = [problem for record in sound for problem in check_text(folder, record)]
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{folder} cannot be read: {error}. {AGAIN}") from error
    return _of_proofs(str(folder), proofs, key, problems)


def verify_proof(path: Path | str, *, key: VerifyKey | Path | str | None = None) -> Verification:
    """Check a proof that `wellkeeper why --proof` wrote; the folder is not needed.

    `key` is as in `wellkeeper.ledger.verify.verify`.

    Raises:
        InputError: there is no such file, it is no proof, or the key cannot be read.
    """
    return _of_proofs(str(path), [read_proof(Path(path))], key, [])


def _of_proofs(
    name: str, proofs: Sequence[Proof], key: VerifyKey | Path | str | None, problems: Sequence[Problem]
) -> Verification:
    key = key_of(key)
    statement = proofs[0].statement
    bad = [
        Problem(
            code="proof",
            where=f"row {proof.row:,}",
            found="the row and the hashes beside it do not lead to the root that the seal names",
            next=SUSPECT,
        )
        for proof in proofs
        if not proof.fits()
    ]
    return Verification(
        folder=name,
        problems=(*check_signature(statement, key), *bad, *problems),
        keyids=keyids_of(statement),
        key=None if key is None else key.keyid,
        root=statement.root,
        checked={"rows": len(proofs)},
        records=() if bad or problems else tuple(proof.record() for proof in proofs),
    )
