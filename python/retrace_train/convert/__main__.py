"""
Packed shards for other engines, and their data as shards. OUT must not exist; it appears complete or not at all.

    python -m retrace_train.convert --to mds|olmo|bridge --shards DIR --model DIR --out DIR
    python -m retrace_train.convert --from mds --data DIR --model DIR --out DIR

MODEL is the Hugging Face folder whose tokenizer made the ids. `--from` writes a folder for `retrace train`; whether
foreign data was made by this tokenizer can only be checked by the range of its ids.
"""

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import Any

from ..failures import TrainingFailure
from ..shards import open_rows
from .bridge import write_bridge
from .mds import Untrained, read_mds, write_mds
from .olmo import write_olmo
from .output import whole_folder
from .shard_files import write_shards

ANY_LENGTH = 2**31


def main(words: list[str] | None = None) -> int:
    arguments = _parse(words)
    # Ends by an exception, so that the unfinished folder is removed.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        print(json.dumps(_convert(arguments)))
    except TrainingFailure as failure:
        print(f"{failure.code}: {failure.message}", file=sys.stderr)
        return 1
    return 0


def _convert(arguments: argparse.Namespace) -> dict[str, Any]:
    with whole_folder(arguments.out) as folder:
        if arguments.source is not None:
            untrained = Untrained()
            rows = read_mds(arguments.data, untrained)
            return write_shards(rows, folder, arguments.model, arguments.source, untrained)["packing"]
        opened = open_rows([arguments.shards], arguments.model, ANY_LENGTH)
        if arguments.target == "olmo":
            return write_olmo(opened, folder, arguments.model)
        return {"mds": write_mds, "bridge": write_bridge}[arguments.target](opened, folder)


def _parse(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m retrace_train.convert", description=(__doc__ or "").strip().splitlines()[0]
    )
    direction = parser.add_mutually_exclusive_group(required=True)
    direction.add_argument("--to", dest="target", choices=["mds", "olmo", "bridge"])
    direction.add_argument("--from", dest="source", choices=["mds"])
    parser.add_argument("--shards", type=Path, help="folder with a manifest.json, for --to")
    parser.add_argument("--data", type=Path, help="folder of the foreign data, for --from")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(words)
    pairs = ((arguments.shards, arguments.target), (arguments.data, arguments.source))
    if any((folder is None) != (kind is None) for folder, kind in pairs):
        parser.error("--to goes with --shards, --from with --data")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
