"""Columns of token ids in files."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wellkeeper.engine.sources import find_files
from wellkeeper.recipe.token_ids import token_rows


@pytest.mark.parametrize("column", ["ids", "m.ids", "made.by.ids"])
def test_a_parquet_column_is_found_by_its_whole_name_or_inside_an_object(tmp_path, column):
    table = pa.table({"ids": [[1, 2]], "m.ids": [[3]], "made": [{"by": {"ids": [4, 5, 6]}}]})
    pq.write_table(table, tmp_path / "tokens.parquet")
    (file,) = find_files([str(tmp_path)], group="tokens")
    (piece,) = token_rows(file, column, None)
    found = {"ids": [1, 2], "m.ids": [3], "made.by.ids": [4, 5, 6]}[column]
    assert piece().tokens.ids.tolist() == found
