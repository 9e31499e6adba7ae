"""
The model that is trained: Transformers' Llama over packed documents, from token ids to the nll of trained tokens.

Under FSDP2 each decoder block is a group of parameters, and embedding, last norm and head are another. Each rank keeps
its part of the float32 weights; the whole weights of a block exist, in the compute type, only while it computes; and
gradients are reduced in float32. Tied embeddings are a single parameter of the last group.

Shapes: T tokens of one packed sequence, n trained tokens, C channels.
"""

import copy
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from transformers import AutoConfig, LlamaConfig, LlamaForCausalLM

from .attention import boundaries, register_packed_attention
from .failures import TrainingFailure
from .job import Job
from .loss import chunked_nll, trained_positions
from .weights import RandomWeights, StoredWeights, place_weights

TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class PackedModel(torch.nn.Module):
    def __init__(self, causal_lm: LlamaForCausalLM, loss_chunk_tokens: int):
        super().__init__()
        self.causal_lm, self.loss_chunk_tokens = causal_lm, loss_chunk_tokens

    @property
    def config(self) -> LlamaConfig:
        return self.causal_lm.config

    def forward(
        self, input_ids: torch.Tensor, labels: torch.Tensor, position_ids: torch.Tensor, seq_lengths: Any
    ) -> torch.Tensor:
        """input_ids, labels, position_ids [1, T] and lengths of the documents to float32 nll [n], in their order."""
        hidden = self.hidden(input_ids, position_ids, seq_lengths)
        positions = trained_positions(labels[0], position_ids[0])
        targets = labels[0][positions]
        # The head is applied within `forward`, where FSDP has gathered the root's weights.
        return chunked_nll(hidden[positions - 1], targets, self.causal_lm.lm_head, self.loss_chunk_tokens)

    def hidden(self, input_ids: torch.Tensor, position_ids: torch.Tensor, seq_lengths: Any) -> torch.Tensor:
        """States after the last norm [T, C]. Only for `forward`, or for a model that is not sharded."""
        starts = boundaries(seq_lengths, input_ids.device)
        output = self.causal_lm.model(input_ids=input_ids, position_ids=position_ids, use_cache=False, **starts)
        return output.last_hidden_state[0]


def make_mesh(device: torch.device) -> DeviceMesh:
    """One dimension: all ranks shard the same weights."""
    return init_device_mesh(device.type, (dist.get_world_size(),), mesh_dim_names=("shard",))


def build_model(job: Job, device: torch.device, mesh: DeviceMesh, sequence_length: int = 0) -> PackedModel:
    """Sharded over the mesh, float32 weights. @raises TrainingFailure MODEL_INVALID, MODEL_UNSUPPORTED"""
    options = job.config
    model = PackedModel(build_on_meta(trained_config(job, sequence_length)), options.loss_chunk_tokens)
    if options.activation_checkpointing:
        _recompute_blocks(model.causal_lm)
    _shard(model, mesh, TYPES[options.compute])
    random = options.init == "random"
    weights = RandomWeights(options.seed, device) if random else StoredWeights(job.model)
    place_weights(model.causal_lm, weights, device, torch.float32)
    compute_rotary(model.causal_lm, device)
    return model.train()


def load_for_evaluation(model_dir: Path, device: torch.device, dtype: torch.dtype) -> PackedModel:
    """The stored model in the same module, not sharded. @raises TrainingFailure MODEL_INVALID, MODEL_UNSUPPORTED"""
    model = PackedModel(build_on_meta(read_model_config(model_dir)), loss_chunk_tokens=2048)
    place_weights(model.causal_lm, StoredWeights(model_dir), device, dtype)
    compute_rotary(model.causal_lm, device)
    return model.eval().requires_grad_(False)


def read_model_config(model_dir: Path) -> LlamaConfig:
    try:
        config: Any = AutoConfig.from_pretrained(model_dir, local_files_only=True)
    except Exception as error:
        why = f"{model_dir / 'config.json'} cannot be read: {error}. Fetch the model again."
        raise TrainingFailure("MODEL_INVALID", why) from error
    if config.model_type != "llama":
        # Others have windows or masks, which packed attention would silently ignore.
        why = f'{model_dir} is a {config.model_type}. Use a model of the Llama family (model_type "llama").'
        raise TrainingFailure("MODEL_UNSUPPORTED", why)
    config.use_cache = False
    return config


def trained_config(job: Job, sequence_length: int) -> LlamaConfig:
    """
    The model's config with the RoPE base of the job, which Transformers 4 and 5 keep in different places, and with the
    job's context length, or one that is enough for the model's own and for rows of `sequence_length`.
    """
    config, theta = read_model_config(job.model), job.config.rope_theta
    parameters: Any = getattr(config, "rope_parameters", None)
    if theta is not None and isinstance(parameters, dict):
        config.rope_parameters = {**parameters, "rope_theta": theta}
    elif theta is not None:
        config.rope_theta = theta
    config.max_position_embeddings = job.config.context_length or max(config.max_position_embeddings, sequence_length)
    return config


def count_parameters(config: LlamaConfig) -> int:
    """Counts a tied parameter once."""
    return sum(parameter.numel() for parameter in build_on_meta(config).parameters())


def build_on_meta(config: LlamaConfig) -> LlamaForCausalLM:
    config = copy.deepcopy(config)  # the attention's name is written into it
    config._attn_implementation = register_packed_attention()
    with torch.device("meta"):
        return LlamaForCausalLM(config).float()


def _recompute_blocks(causal_lm: LlamaForCausalLM) -> None:
    """Keeps only the input of each block; the method has another name in Transformers 6."""
    options = {"use_reentrant": False, "preserve_rng_state": False}  # there is no dropout to repeat
    if hasattr(causal_lm, "activation_checkpointing_enable"):
        causal_lm.activation_checkpointing_enable(options)
    else:
        causal_lm.gradient_checkpointing_enable(gradient_checkpointing_kwargs=options)


def _shard(model: PackedModel, mesh: DeviceMesh, compute: torch.dtype) -> None:
    policy = MixedPrecisionPolicy(param_dtype=compute, reduce_dtype=torch.float32)
    for block in model.causal_lm.model.layers:
        fully_shard(block, mesh=mesh, mp_policy=policy)
    fully_shard(model, mesh=mesh, mp_policy=policy)


def compute_rotary(causal_lm: LlamaForCausalLM, device: torch.device) -> None:
    """Computes the frequencies, which are not weights and so are lost on the meta device. Always in float32."""
    rotary = type(causal_lm.model.rotary_emb)(config=causal_lm.config)
    causal_lm.model.rotary_emb = rotary.to(device)
