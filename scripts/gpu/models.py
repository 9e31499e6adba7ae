"""Random Llamas: one set of weights that Transformers and the engine share.

The weights are made by torch where they are used (16 GB on a GPU in a second, no file) and are the same for the same
seed on the same kind of device.
"""

from dataclasses import dataclass, replace

import torch


@dataclass(frozen=True)
class Shape:
    """A Llama's sizes. C hidden, F intermediate, L layers, H heads, G key-value heads, D head size, V vocabulary."""

    name: str
    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    context: int
    weight_deviation: float

    def with_layers(self, layers: int) -> "Shape":
        return replace(self, name=f"{self.name}, {layers} layers", layers=layers)

    @property
    def kv_bytes_per_token(self) -> int:
        """Keys and values of all layers in bfloat16, and the final hidden state that the engine keeps beside them."""
        return 2 * self.layers * self.kv_heads * self.head_size * 2 + self.hidden * 2

    @property
    def weight_bytes(self) -> int:
        """All weights in bfloat16, head and embedding apart, the norms left out."""
        attention = self.hidden * self.head_size * 2 * (self.heads + self.kv_heads)
        return 2 * (self.layers * (attention + 3 * self.hidden * self.intermediate) + 2 * self.vocabulary * self.hidden)


LLAMA_3_8B = Shape("Llama-3-8B", 4096, 14336, 32, 32, 8, 128, 128256, 131072, 0.02)
# Far from the usual small start, so that log-probabilities differ widely and errors show.
TINY = Shape("tiny", 64, 160, 3, 4, 2, 16, 512, 2048, 0.12)
# The head size that all kernels know.
TINY_WIDE = Shape("tiny with heads of 128", 256, 320, 2, 4, 2, 128, 640, 2048, 0.06)


def config_of(shape: Shape) -> dict:
    """config.json as Transformers writes it."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "hidden_size": shape.hidden,
        "intermediate_size": shape.intermediate,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_size,
        "vocab_size": shape.vocabulary,
        "max_position_embeddings": shape.context,
        "rms_norm_eps": 1e-5,
        "rope_parameters": {"rope_type": "default", "rope_theta": 500000.0},
        "tie_word_embeddings": False,
        "attention_bias": False,
        "mlp_bias": False,
    }


def make_weights(shape: Shape, device: str, seed: int = 1) -> dict[str, torch.Tensor]:
    """bfloat16; normal with the shape's deviation, norms 1 + 0.1 n."""
    generator = torch.Generator(device=device).manual_seed(seed)

    def normal(*size: int) -> torch.Tensor:
        values = torch.empty(size, dtype=torch.bfloat16, device=device)
        return values.normal_(0, shape.weight_deviation, generator=generator)

    def gain() -> torch.Tensor:
        values = torch.empty(shape.hidden, dtype=torch.float32, device=device).normal_(1, 0.1, generator=generator)
        return values.to(torch.bfloat16)

    weights = {"model.embed_tokens.weight": normal(shape.vocabulary, shape.hidden)}
    query, key = shape.heads * shape.head_size, shape.kv_heads * shape.head_size
    for layer in range(shape.layers):
        prefix = f"model.layers.{layer}."
        weights |= {
            prefix + "input_layernorm.weight": gain(),
            prefix + "self_attn.q_proj.weight": normal(query, shape.hidden),
            prefix + "self_attn.k_proj.weight": normal(key, shape.hidden),
            prefix + "self_attn.v_proj.weight": normal(key, shape.hidden),
            prefix + "self_attn.o_proj.weight": normal(shape.hidden, query),
            prefix + "post_attention_layernorm.weight": gain(),
            prefix + "mlp.gate_proj.weight": normal(shape.intermediate, shape.hidden),
            prefix + "mlp.up_proj.weight": normal(shape.intermediate, shape.hidden),
            prefix + "mlp.down_proj.weight": normal(shape.hidden, shape.intermediate),
        }
    return weights | {"model.norm.weight": gain(), "lm_head.weight": normal(shape.vocabulary, shape.hidden)}


def sharpened(weights: dict[str, torch.Tensor], factor: int = 8) -> dict[str, torch.Tensor]:
    """The head times a power of two, which is exact: log-probabilities then differ widely, and so do errors."""
    return weights | {"lm_head.weight": weights["lm_head.weight"] * factor}


def make_transformers_model(shape: Shape, weights: dict[str, torch.Tensor], dtype: torch.dtype = torch.bfloat16):
    """LlamaForCausalLM over these very tensors where the dtype is theirs.

    Not `model.to(bfloat16)`: that would round the rotary frequencies as well (0.06 nats of error within 100 tokens).
    """
    from transformers import LlamaConfig, LlamaForCausalLM
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    config = LlamaConfig(**{key: value for key, value in config_of(shape).items() if key != "model_type"})
    config._attn_implementation = "sdpa"
    with torch.device("meta"):
        model = LlamaForCausalLM(config)
    model.load_state_dict({name: tensor.to(dtype) for name, tensor in weights.items()}, assign=True, strict=True)
    device = weights["lm_head.weight"].device
    model.model.rotary_emb = LlamaRotaryEmbedding(config=config).to(device)
    model.config.dtype = dtype
    if model.model.rotary_emb.inv_freq.dtype != torch.float32:
        raise RuntimeError("the rotary frequencies were rounded: the comparison would be unfair to Transformers")
    return model.eval().requires_grad_(False)


def random_tokens(shape: Shape, count: int, generator: torch.Generator) -> torch.Tensor:
    return torch.randint(0, shape.vocabulary, (count,), dtype=torch.int32, generator=generator)
