"""Prints the rows of a Parquet file as pyarrow reads them, a JSON line each; keys without a value are left out."""

import json
import sys

import pyarrow.parquet


def without_nulls(value):
    if isinstance(value, dict):
        return {key: without_nulls(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [without_nulls(one) for one in value]
    return value


for row in pyarrow.parquet.read_table(sys.argv[1]).to_pylist():
    row["tools"], row["metadata"] = json.loads(row["tools"]), json.loads(row["metadata"])
    print(json.dumps(without_nulls(row)))
