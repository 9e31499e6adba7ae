"""
A plain Llama, small enough for two CPU cores. Parameter names and numerics are those of Hugging Face's
LlamaForCausalLM, so the trained state dict is exported as it is; evaluate.py checks that both agree.

Shapes: B rows, T tokens, C channels, V vocabulary, H query heads, K key/value heads, D head size.
"""

from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass(frozen=True)
class Shape:
    vocabulary: int = 4096
    context: int = 4096
    channels: int = 256
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 64
    feed_forward: int = 640
    rope_theta: float = 10000.0
    norm_eps: float = 1e-5
    tied: bool = True


class Norm(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(shape.channels))
        self.eps = shape.norm_eps

    def forward(self, x):
        return F.rms_norm(x.float(), self.weight.shape, self.weight, self.eps).to(x.dtype)


class Attention(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        C, H, K, D = shape.channels, shape.heads, shape.kv_heads, shape.head_dim
        self.H, self.K, self.D = H, K, D
        self.q_proj = nn.Linear(C, H * D, bias=False)
        self.k_proj = nn.Linear(C, K * D, bias=False)
        self.v_proj = nn.Linear(C, K * D, bias=False)
        self.o_proj = nn.Linear(H * D, C, bias=False)

    def forward(self, x, cos, sin):
        B, T, _ = x.shape
        q = rotate(self.q_proj(x).view(B, T, self.H, self.D), cos, sin).transpose(1, 2)
        k = rotate(self.k_proj(x).view(B, T, self.K, self.D), cos, sin).transpose(1, 2)
        v = self.v_proj(x).view(B, T, self.K, self.D).transpose(1, 2)
        k = k.repeat_interleave(self.H // self.K, dim=1)
        v = v.repeat_interleave(self.H // self.K, dim=1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(y.transpose(1, 2).reshape(B, T, self.H * self.D))


class FeedForward(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.gate_proj = nn.Linear(shape.channels, shape.feed_forward, bias=False)
        self.up_proj = nn.Linear(shape.channels, shape.feed_forward, bias=False)
        self.down_proj = nn.Linear(shape.feed_forward, shape.channels, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.input_layernorm = Norm(shape)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = Norm(shape)
        self.mlp = FeedForward(shape)

    def forward(self, x, cos, sin):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        return x + self.mlp(self.post_attention_layernorm(x))


class Backbone(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.vocabulary, shape.channels)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = Norm(shape)


class Llama(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        self.model = Backbone(shape)
        self.lm_head = nn.Linear(shape.channels, shape.vocabulary, bias=False)
        self.initialise()
        if shape.tied:
            self.lm_head.weight = self.model.embed_tokens.weight
        self.cos: torch.Tensor
        self.sin: torch.Tensor
        cos, sin = rotary_tables(shape)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def initialise(self) -> None:
        """Small normal weights; what writes to the residual stream starts at zero, so a layer begins as identity."""
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                nn.init.normal_(
                    parameter, std=0.02 if "embed" in name or "lm_head" in name else parameter.shape[1] ** -0.5
                )
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                nn.init.zeros_(parameter)

    def forward(self, ids):
        """ids [B, T] to the last layer's normalised states [B, T, C]."""
        T = ids.shape[1]
        x = self.model.embed_tokens(ids)
        if torch.is_autocast_enabled("cpu"):
            x = x.bfloat16()  # the residual stream too: bfloat16 halves the memory traffic
        for layer in self.model.layers:
            x = layer(x, self.cos[:T], self.sin[:T])
        return self.model.norm(x)

    def loss(self, ids, targets, weights):
        """Sum of negative log-likelihoods (nats) of targets [B, T] under weights [B, T]."""
        logits = self.lm_head(self(ids)).float()
        losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        return (losses * weights.flatten()).sum()


def rotary_tables(shape: Shape):
    """cos and sin [context, 1, D / 2] in float32."""
    frequency = shape.rope_theta ** (-torch.arange(0, shape.head_dim, 2).float() / shape.head_dim)
    angle = torch.outer(torch.arange(shape.context).float(), frequency)
    return angle.cos()[:, None, :], angle.sin()[:, None, :]


def rotate(x, cos, sin):
    """Rotates x [B, T, heads, D]: channel i turns with channel i + D / 2, as in Hugging Face's Llama."""
    a, b = x.float().chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1).to(x.dtype)
