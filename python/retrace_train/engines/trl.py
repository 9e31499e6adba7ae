"""
The same training by TRL's SFTTrainer: a second engine, and an independent check of the loop's losses.

Shared with the loop: the shards and their checks, the order of rows and their ranks, packed attention (by position_ids
that restart, which TRL's collator makes from `seq_lengths`), metrics, stopping, the export. TRL and Transformers
provide the loss, gradient accumulation, the optimizer, the schedule and the files of a checkpoint. In float32 the
losses equal the loop's up to rounding. Differences:

- bfloat16 is autocast over float32 weights; FSDP2 casts the weights, so norms and sums between blocks are bfloat16 too.
- On a CPU Transformers silently ignores FSDP: each rank has a copy of the whole model (DDP).
- Moments have the type of the weights, float32; `moments: bfloat16` is refused.
- `lossChunkTokens` is a constant of TRL. There is no loss by domain.

A checkpoint is written by Trainer, under Trainer's name until it is complete, then renamed to the loop's.
"""

import os
import shutil
import time
from itertools import chain
from pathlib import Path
from typing import Any

import torch

from ..checkpoint import Checkpoints
from ..export import export_model
from ..failures import TrainingFailure
from ..files import sync
from ..flops import model_flops, peak_flops
from ..job import Job
from ..loop import Training, run_training
from ..model import TYPES, PackedModel, build_on_meta, compute_rotary
from ..optimizer import local_gradient
from ..order import deal
from ..ranks import Ranks, peak_memory
from ..stopping import StopRequest
from ..weights import RandomWeights, StoredWeights, place_weights

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing is downloaded, even where something is missing
try:
    from datasets import Dataset
    from transformers import AutoTokenizer, LlamaForCausalLM, PrinterCallback, TrainerCallback
    from trl import SFTConfig, SFTTrainer
except ImportError as missing:
    what = f"The engine trl cannot be imported: {missing}"
    how = "Install python/retrace_train/requirements-trl.txt, or use the engine fsdp2"
    raise TrainingFailure("PYTHON_PACKAGE_MISSING", f"{what}. {how}.", package=missing.name) from missing


def train(job: Job) -> None:
    """@raises TrainingFailure"""
    run_training(job, TrlTraining)


class TrlTraining(Training):
    """A start of the training: from the newest checkpoint to the end, or to a requested stop."""

    def __init__(self, job: Job, ranks: Ranks, stop: StopRequest):
        if job.config.optimizer.moments != "float32":
            why = "The engine trl keeps moments in float32 alone"
            raise TrainingFailure("CONFIG_INVALID", f"{why}. Set moments to float32, or use the engine fsdp2.")
        if job.config.batch_rows % (ranks.size * job.config.micro_batch_rows) != 0:
            share = f"{ranks.size} ranks of microBatchRows {job.config.micro_batch_rows}"
            why = f"batchRows is {job.config.batch_rows}, which {share} do not divide"
            raise TrainingFailure("CONFIG_INVALID", f"{why}. Make it a multiple of their product.")
        super().__init__(job, ranks, stop)
        self.checkpoints = TrainerCheckpoints(job, ranks, self.checkpoints.identity)
        if ranks.rank == 0:
            self.checkpoints.remove_unfinished()
        if self.step > 0 and not (self.checkpoints.path(self.step) / "trainer_state.json").is_file():
            why = f"{self.checkpoints.path(self.step)} was made by another engine than trl"
            raise TrainingFailure("RUN_MISMATCH", f"{why}. Go on with that one, or train into another folder.")

    def run(self) -> None:
        job = self.job
        self.peak_flops, peak_source = peak_flops(self.ranks.device, TYPES[job.config.compute])
        self.write(self.start_event(peak_source))
        if self.step == self.total_steps and job.exported.is_dir():
            return self.end("done")
        trainer = self.make_trainer()
        trainer.train(resume_from_checkpoint=str(self.checkpoints.path(self.step)) if self.step > 0 else None)
        if self.step < self.total_steps:
            return self.end("stopped")
        model = PackedModel(trainer.accelerator.unwrap_model(trainer.model), job.config.loss_chunk_tokens)
        export_model(job, self.ranks, model, {"step": self.step, **self.totals})
        self.end("done")

    def start_event(self, peak_source: str | None) -> dict[str, Any]:
        return {**super().start_event(peak_source), "engine": "trl"}

    def make_trainer(self) -> "PackedTrainer":
        tokenizer = AutoTokenizer.from_pretrained(self.job.model, local_files_only=True)
        arguments = {"model": self.make_model(), "args": self.make_arguments(), "processing_class": tokenizer}
        trainer = PackedTrainer(train_dataset=self.make_dataset(), **arguments)
        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(Reporter(self, trainer))
        return trainer

    def make_model(self) -> LlamaForCausalLM:
        cpu, options = torch.device("cpu"), self.job.config
        model = build_on_meta(self.model_config)
        weights = RandomWeights(options.seed, cpu) if options.init == "random" else StoredWeights(self.job.model)
        place_weights(model, weights, cpu, torch.float32)
        compute_rotary(model, cpu)
        return model

    def make_dataset(self) -> Dataset:
        """Rows in the order in which Trainer reads them: by step, by micro-batch, by rank."""
        size = self.job.config.micro_batch_rows
        order: list[int] = []
        for step in range(self.total_steps):
            drawn = self.order.rows_of(step)
            shares = deal(drawn, self.rows.square_sums[drawn], self.ranks.size)
            for begin in range(0, len(shares[0]), size):
                order += chain.from_iterable(share[begin : begin + size] for share in shares)

        def read(cells: dict[str, list[int]]) -> dict[str, list]:
            rows = [self.rows.read(index) for index in cells["row"]]
            return {name: [getattr(row, name) for row in rows] for name in ("input_ids", "labels", "seq_lengths")}

        return Dataset.from_dict({"row": order}).with_transform(read)

    def make_arguments(self) -> SFTConfig:
        config, options, ranks = self.job.config, self.job.config.optimizer, self.ranks
        on_cpu = ranks.device.type == "cpu"
        return SFTConfig(
            output_dir=str(self.job.checkpoints),
            # The rows are packed: nothing is tokenized, cut, packed, padded or shuffled again.
            dataset_kwargs={"skip_prepare_dataset": True},
            max_length=None,
            packing=False,
            padding_free=True,
            shuffle_dataset=False,
            train_sampling_strategy="sequential",
            remove_unused_columns=False,
            max_steps=self.total_steps,
            per_device_train_batch_size=config.micro_batch_rows,
            gradient_accumulation_steps=config.batch_rows // ranks.size // config.micro_batch_rows,
            # The mean over the tokens of all ranks, and not the mean of the ranks' means.
            average_tokens_across_devices=True,
            loss_type="chunked_nll",
            optim="adamw_torch" if on_cpu else "adamw_torch_fused",
            learning_rate=options.learning_rate,
            adam_beta1=options.beta1,
            adam_beta2=options.beta2,
            adam_epsilon=options.epsilon,
            weight_decay=options.weight_decay,
            max_grad_norm=options.max_grad_norm,
            # With this schedule the first step has a rate above 0; `cosine_with_min_lr` wastes it.
            lr_scheduler_type="cosine_warmup_with_min_lr",
            lr_scheduler_kwargs={"min_lr_rate": options.final_share},
            warmup_steps=round(options.warm_up_share * self.total_steps),
            bf16=config.compute == "bfloat16",
            gradient_checkpointing=config.activation_checkpointing,
            gradient_checkpointing_kwargs={"use_reentrant": False},
            ddp_find_unused_parameters=False,
            fsdp=None if on_cpu else True,  # pyright: ignore[reportArgumentType]  True is documented
            fsdp_config=None if on_cpu else {"version": 2, "transformer_layer_cls_to_wrap": ["LlamaDecoderLayer"]},
            use_cpu=on_cpu,
            seed=config.seed,
            # `Reporter` logs every step, and values that are not finite too.
            logging_steps=1,
            logging_nan_inf_filter=False,
            report_to="none",
            disable_tqdm=True,
            save_strategy="steps",
            save_steps=config.checkpoint.every_steps,
            save_total_limit=None,
        )


class PackedTrainer(SFTTrainer):
    trained_tokens = 0  # of the current step, over all ranks

    def get_batch_samples(self, *arguments: Any) -> tuple[list, Any]:
        samples, count = super().get_batch_samples(*arguments)
        if any("position_ids" not in sample or "attention_mask" in sample for sample in samples) or count is None:
            # With a mask of ones Transformers ignores the starts of documents, which would then read each other.
            why = "This TRL gives no position_ids, or a mask beside them, so documents would not be kept apart"
            raise TrainingFailure(
                "PYTHON_PACKAGE_MISSING", f"{why}. Install python/retrace_train/requirements-trl.txt."
            )
        self.trained_tokens = int(count)
        return samples, count

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """Writes none into the checkpoints."""


class TrainerCheckpoints(Checkpoints):
    def remove_unfinished(self) -> None:
        super().remove_unfinished()
        for path in self.folder.glob("checkpoint-*"):
            shutil.rmtree(path)

    def adopt(self, step: int, totals: dict[str, Any]) -> Path:
        """Renames what Trainer saved. For all ranks together, when each has written its part."""
        self.ranks.barrier()
        path, unfinished = self.path(step), self.folder / f"checkpoint-{step}"
        if self.ranks.rank == 0:
            for file in unfinished.iterdir():
                if file.is_file():
                    sync(file)
            self.publish(unfinished, step, totals)
        self.ranks.barrier()
        return path


class Reporter(TrainerCallback):
    """Turns what Trainer does into our events, and ends it where training should stop or has failed."""

    def __init__(self, training: TrlTraining, trainer: PackedTrainer):
        self.training, self.trainer = training, trainer
        self.begin = time.perf_counter()
        self.memory = 0.0

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.begin = time.perf_counter()

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """The gradients are already clipped, which does not change values that are not finite."""
        of, step = self.training, state.global_step + 1
        finite = all(bool(torch.isfinite(local_gradient(parameter)).all()) for parameter in model.parameters())
        if not of.ranks.most([not finite])[0]:
            return
        names = sorted({name for row in of.order.rows_of(step - 1) for name in of.rows.read(int(row)).doc_ids})
        why = f"Step {step} gave gradients that are not finite, and changed no weight"
        how = "Lower the learning rate, or look at these documents"
        message = f"{why}. Documents: {', '.join(names[:5])} ({len(names)} in all). {how}."
        raise TrainingFailure("NON_FINITE", message, step=step, documents=names[:1000])

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        of = self.training
        self.memory, stopped = of.ranks.most([peak_memory(of.ranks.device), of.stop.is_asked()])
        if stopped:
            control.should_save = control.should_training_stop = True

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if "loss" not in (logs or {}):
            return  # Trainer's summary at its end
        of, step = self.training, state.global_step
        drawn = of.order.rows_of(step - 1)
        tokens, trained = int(of.rows.tokens[drawn].sum()), self.trainer.trained_tokens
        seconds, self.begin = time.perf_counter() - self.begin, time.perf_counter()
        of.step = step
        of.totals = {
            "tokens": of.totals["tokens"] + tokens,
            "trainedTokens": of.totals["trainedTokens"] + trained,
            "loss": logs["loss"],
        }
        peak = of.peak_flops and of.peak_flops * of.ranks.size
        flops = model_flops(of.model_config, tokens, trained, float(of.rows.square_sums[drawn].sum()))
        of.write(
            {
                "event": "step",
                "step": step,
                "loss": logs["loss"],
                "domainLoss": {},
                "gradNorm": logs["grad_norm"],
                "learningRate": logs["learning_rate"],
                "tokens": tokens,
                "trainedTokens": trained,
                "totalTokens": of.totals["tokens"],
                "totalTrainedTokens": of.totals["trainedTokens"],
                "seconds": seconds,
                "tokensPerSecond": tokens / seconds,
                "mfu": flops / seconds / peak if peak else None,
                "memoryBytes": int(self.memory),
            }
        )

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        path = self.training.checkpoints.adopt(state.global_step, self.training.totals)
        seconds, self.begin = time.perf_counter() - self.begin, time.perf_counter()
        self.training.write({"event": "checkpoint", "step": state.global_step, "path": str(path), "seconds": seconds})
