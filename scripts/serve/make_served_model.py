"""Makes a model folder that `transformers serve` takes, from one of this project's (`models/retrace-small`).

    python scripts/serve/make_served_model.py models/retrace-small build/served-model [--copy]

The weights, the configuration and the tokenizer are linked (`--copy` copies them). What a chat server needs besides is
written: tokenizer_config.json with a chat template made of tokens that this tokenizer has, and generation_config.json.
Standard library only.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

TAKEN = ["config.json", "model.safetensors", "tokenizer.json"]
BEGIN, END, START_HEADER, END_HEADER, END_OF_TURN = (
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
)
CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    f"{START_HEADER}{{{{ message['role'] }}}}{END_HEADER}\n\n{{{{ message['content'] }}}}{END_OF_TURN}"
    "{% endfor %}"
    f"{{% if add_generation_prompt %}}{START_HEADER}assistant{END_HEADER}\n\n{{% endif %}}"
)


def special_ids(tokenizer: dict) -> dict[str, int]:
    """The ids of the five special tokens; stops with the name of one that is missing."""
    ids = {token["content"]: token["id"] for token in tokenizer["added_tokens"] if token["special"]}
    for name in (BEGIN, END, START_HEADER, END_HEADER, END_OF_TURN):
        if name not in ids:
            sys.exit(f"make_served_model: tokenizer.json has no special token {name}; it has {sorted(ids)}")
    return ids


def tokenizer_config(context: int) -> dict:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BEGIN,
        "eos_token": END_OF_TURN,
        # Without a pad token, generate() warns on every request.
        "pad_token": END,
        "clean_up_tokenization_spaces": False,
        "model_max_length": context,
        "chat_template": CHAT_TEMPLATE,
    }


def generation_config(ids: dict[str, int]) -> dict:
    return {
        "bos_token_id": ids[BEGIN],
        "eos_token_id": [ids[END], ids[END_OF_TURN]],
        "pad_token_id": ids[END],
        # The server never turns sampling on by itself: without this a request's temperature and seed do nothing.
        "do_sample": True,
        "temperature": 1.0,
        # 0 is no limit: the library's own default keeps the 50 likeliest tokens and no request can say otherwise.
        "top_k": 0,
    }


def place(source: Path, target: Path, copy: bool) -> None:
    target.unlink(missing_ok=True)
    if copy:
        shutil.copyfile(source, target)
    else:
        target.symlink_to(source.resolve())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path, help="folder with config.json, model.safetensors and tokenizer.json")
    parser.add_argument("served", type=Path, help="folder to make")
    parser.add_argument("--copy", action="store_true", help="copy the three files instead of linking them")
    options = parser.parse_args()
    for name in TAKEN:
        if not (options.model / name).is_file():
            sys.exit(f"make_served_model: {options.model} has no {name}")
    if options.served.resolve() == options.model.resolve():
        sys.exit("make_served_model: the two folders must differ, or the model's own files would be replaced")
    ids = special_ids(json.loads((options.model / "tokenizer.json").read_text()))
    context = json.loads((options.model / "config.json").read_text())["max_position_embeddings"]
    options.served.mkdir(parents=True, exist_ok=True)
    for name in TAKEN:
        place(options.model / name, options.served / name, options.copy)
    written = {"tokenizer_config.json": tokenizer_config(context), "generation_config.json": generation_config(ids)}
    for name, value in written.items():
        (options.served / name).write_text(json.dumps(value, indent=2) + "\n")
    print(f"{options.served}: {', '.join([*TAKEN, *written])}")


if __name__ == "__main__":
    main()
