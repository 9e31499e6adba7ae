"""
Measures a model without a network: held-out loss, needles and completion, as one JSON file.

    PYTHONPATH=python python -m retrace_eval --model DIR --out F.json
        [--held-out NAME=SHARDS_FOLDER ...] [--tasks F.jsonl]

Progress is written to standard output, a JSON object in each line. The file is written at the end. After a failure
there is no file, the last line on standard error has the code and the cause, and the exit code is 1.
"""

import argparse
import os
import sys
import traceback
from pathlib import Path

from retrace_train.failures import TrainingFailure


def main() -> int:
    options = parse_options()
    try:
        options.out.unlink(missing_ok=True)  # an older file could be mistaken for that of this run
        _set_environment()
        from .suites import run_suites  # needs torch; reported below where it is missing

        run_suites(options)
        return 0
    except TrainingFailure as failure:
        return _fail(failure.code, failure.message)
    except ModuleNotFoundError as error:
        packages = "Install the packages of python/retrace_train/requirements.txt, or let `retrace eval` do it."
        return _fail("PYTHON_PACKAGE_MISSING", f"{error}. {packages}")
    except Exception as error:  # of any kind: one line reports it, after the traceback
        if type(error).__name__ == "OutOfMemoryError":
            return _fail("OUT_OF_MEMORY", f"{error} Use a larger device, or fewer tokens in a document or context.")
        traceback.print_exc()
        return _fail("UNEXPECTED", f"{type(error).__name__}: {error}")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="retrace_eval", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True, help="Hugging Face folder with tokenizer.json")
    parser.add_argument("--out", type=Path, required=True, help="file for the results")
    parser.add_argument("--held-out", type=_named_folder, action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--tasks", type=Path, help="choices and completions, a JSON object a line")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), help="default: bfloat16 on CUDA, else float32")
    options = parser.parse_args()
    if not options.held_out and options.tasks is None:
        parser.error("nothing to do: give --held-out or --tasks")
    if len(dict(options.held_out)) < len(options.held_out):
        parser.error("two --held-out have the same name")
    return options


def _named_folder(text: str) -> tuple[str, Path]:
    name, sign, folder = text.partition("=")
    if not name or not sign or not folder:
        raise argparse.ArgumentTypeError(f"expected NAME=FOLDER, got {text!r}")
    return name, Path(folder)


def _set_environment() -> None:
    """The libraries read these when they are imported."""
    os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS may give other bits each time
    # Threads that wait for each other sleep. Where they spin on cores that others use too, waiting takes most of the
    # time (eight times as long, measured on two busy cores).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def _fail(code: str, message: str) -> int:
    print(f"{code}: {' '.join(message.split())}", file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
