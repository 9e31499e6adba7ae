"""
One rank of a training: `torchrun ... -m retrace_train --job OUT/job.json`, with python/ on PYTHONPATH.

Exit code 0: done, or stopped on request with a checkpoint. 1: a failure, described in OUT/failure.json.
"""

import argparse
import os
import shutil
import sys
import traceback
from pathlib import Path

from .failures import TrainingFailure, record_failure
from .job import Job, read_job


def main() -> None:
    parser = argparse.ArgumentParser(prog="retrace_train", description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument("--job", type=Path, required=True, help="the file that `retrace train` writes")
    path = parser.parse_args().job
    try:
        job = read_job(path)
    except TrainingFailure as failure:
        record_failure(path.parent, failure)
        sys.exit(1)
    code = 1
    try:
        _run(job)
        code = 0
    except TrainingFailure as failure:
        if failure.code == "FOLDER_BUSY":  # the folder with its failure.json belongs to another training
            print(f"{failure.code}: {failure.message}", file=sys.stderr, flush=True)
        else:
            record_failure(job.out, failure)
    except BaseException as error:  # torch's CheckpointException is not an Exception: a full disk would go unreported
        traceback.print_exc()
        record_failure(job.out, _explain(error, job))
    # Everything is written and closed. A normal exit would wait for ranks that are stuck in a reduction, which torchrun
    # ends. After a finished training, leftover threads of libraries sometimes abort it ("terminate called without an
    # active exception").
    sys.stdout.flush()
    os._exit(code)


def _run(job: Job) -> None:
    # PyTorch is imported only now, so that an invalid job is reported at once.
    if job.engine == "trl":
        from .engines.trl import train
    else:
        from .loop import train
    train(job)


def _explain(error: BaseException, job: Job) -> TrainingFailure:
    import torch
    from torch.distributed.checkpoint import CheckpointException

    what = traceback.format_exception_only(error)[-1].strip()
    out_of_memory = ("can't allocate memory", "out of memory", "ALLOC_FAILED")
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(words in what for words in out_of_memory):
        how = "Set microBatchRows to 1, lossChunkTokens lower, activationCheckpointing, or moments to bfloat16"
        return TrainingFailure("OUT_OF_MEMORY", f"{what}. {how}; or take more ranks, or shorter rows. {_resume(job)}")
    if isinstance(error, torch.distributed.DistError) or "gloo" in what or "NCCL" in what:
        why = "Another rank ended (killed, perhaps for want of memory), or the network between ranks broke"
        return TrainingFailure("RANK_LOST", f"{why}. {_resume(job)}", error=what)
    if isinstance(error, CheckpointException):
        # Its last line is only a consequence: on a full disk, that the writer is at an unexpected position.
        free = f"{shutil.disk_usage(job.out).free / 1e9:.1f} GB are free in {job.out}"
        why = f"A checkpoint could not be written ({what.splitlines()[-1].strip()}); {free}"
        return TrainingFailure("UNEXPECTED", f"{why}. {_resume(job)}", error=what)
    return TrainingFailure("UNEXPECTED", f"{what}. {_resume(job)}")


def _resume(job: Job) -> str:
    from .checkpoint import list_steps

    steps = list_steps(job.checkpoints)
    return f"Start again to go on from step {steps[-1]}." if steps else "There is no checkpoint yet: it starts over."


if __name__ == "__main__":
    main()
