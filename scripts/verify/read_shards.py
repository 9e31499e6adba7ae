"""Reads packed shards with a reader that has nothing in common with the writer, and prints a line of JSON per row.

    python scripts/verify/read_shards.py SHARD... [--reader pyarrow|duckdb]

A line has the file, the row, its domain, its documents and the SHA-256 of its ids and labels (little-endian int32, the
ids first). What breaks the format goes to standard error, and the exit code is then 1.
"""

import argparse
import array
import hashlib
import json
import sys

IGNORE_INDEX = -100
INTEGER_LISTS = {"input_ids": "int32", "labels": "int32", "seq_lengths": "int32"}
MEGATRON_LISTS = {"seq_start_id": "int32", "loss_mask": "int8"}


def read_with_pyarrow(path):
    """Yields each row as a dict of plain lists; checks types and the layout of row groups on the way."""
    import pyarrow as pa
    import pyarrow.ipc
    import pyarrow.parquet as pq

    if path.endswith(".parquet"):
        file = pq.ParquetFile(path)
        schema, count, metadata = file.schema_arrow, file.num_row_groups, file.metadata.metadata
        batches = (file.read_row_group(i) for i in range(count))
        codecs = {file.metadata.row_group(0).column(i).compression for i in range(file.metadata.num_columns)}
        if codecs != {"ZSTD"}:
            raise ValueError(f"compressed by {codecs}, expected ZSTD")
    else:
        file = pa.ipc.open_file(pa.memory_map(path))
        schema, count, metadata = file.schema, file.num_record_batches, file.schema.metadata
        batches = (file.get_batch(i) for i in range(count))

    columns = [(name, pa.list_(getattr(pa, item)())) for name, item in INTEGER_LISTS.items()]
    columns += [("domain", pa.string()), ("doc_ids", pa.list_(pa.string()))]
    if "loss_mask" in schema.names:
        columns += [(name, pa.list_(getattr(pa, item)())) for name, item in MEGATRON_LISTS.items()]
    if not schema.equals(pa.schema(columns)):
        raise ValueError(f"the schema is {schema.remove_metadata()}, expected {pa.schema(columns)}")
    if b"retrace" not in (metadata or {}):
        raise ValueError("the metadata has no key 'retrace'")

    for batch in batches:
        if batch.num_rows != 1:
            raise ValueError(f"a row group or batch of {batch.num_rows} rows, expected 1")
        yield batch.to_pylist()[0]


def read_with_duckdb(path):
    import duckdb

    result = duckdb.sql("SELECT * FROM read_parquet($path)", params={"path": path})
    assert result is not None
    for values in result.fetchall():
        yield dict(zip(result.columns, values, strict=True))


def check(row):
    """Raises where a row breaks what every trainer relies on."""
    ids, labels, lengths = row["input_ids"], row["labels"], row["seq_lengths"]
    if not (len(ids) == len(labels) == sum(lengths)):
        raise ValueError(f"{len(ids)} ids, {len(labels)} labels and documents of {sum(lengths)} tokens")
    if len(lengths) != len(row["doc_ids"]):
        raise ValueError(f"{len(lengths)} lengths and {len(row['doc_ids'])} document ids")
    starts = [sum(lengths[:i]) for i in range(len(lengths))]
    if any(labels[start] != IGNORE_INDEX for start in starts):
        raise ValueError("a document's first token is a target")
    if any(label not in (IGNORE_INDEX, token) for token, label in zip(ids, labels, strict=True)):
        raise ValueError("a label is neither its token nor the ignore index")
    if "loss_mask" in row:
        ends = set(starts[1:]) | {len(ids)}
        expected = [int(t + 1 not in ends and labels[t + 1] != IGNORE_INDEX) for t in range(len(ids))]
        if row["seq_start_id"] != starts or row["loss_mask"] != expected:
            raise ValueError("the Megatron columns do not follow from labels and seq_lengths")


def little_endian(values):
    packed = array.array("i", values)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def main():
    parser = argparse.ArgumentParser(description="Read packed shards and print a digest per row.")
    parser.add_argument("shards", nargs="+")
    parser.add_argument("--reader", choices=["pyarrow", "duckdb"], default="pyarrow")
    arguments = parser.parse_args()
    read = read_with_duckdb if arguments.reader == "duckdb" else read_with_pyarrow

    for path in arguments.shards:
        try:
            for index, row in enumerate(read(path)):
                check(row)
                digest = hashlib.sha256(little_endian(row["input_ids"]) + little_endian(row["labels"]))
                line = {
                    "file": path,
                    "row": index,
                    "domain": row["domain"],
                    "docIds": row["doc_ids"],
                    "seqLengths": row["seq_lengths"],
                    "sha256": digest.hexdigest(),
                }
                print(json.dumps(line))
        except (ValueError, OSError) as error:
            sys.exit(f"{path}: {error}")


if __name__ == "__main__":
    main()
