"""Makes tests/golden/text/*.json: what Hugging Face and mlx-lm give for the committed corpus.

Run it with the pinned environment (`uv run scripts/make_text_goldens.py`) after changing the corpus, a template or the
pinned versions; the unit tests compare our results with these files byte by byte.
"""

import json
import os
import random
from pathlib import Path
from typing import Any, cast

from golden_conversations import CONVERSATIONS, ROWS, TOOL_ROWS
from mlx_lm.tuner.datasets import ChatDataset, CompletionsDataset, TextDataset
from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors, trainers
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerFast
from transformers.utils.chat_template_utils import (
    render_jinja_template,  # pyright: ignore[reportUnknownVariableType]
)

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden" / "text"
Json = dict[str, Any]


def model_folder() -> Path:
    models = os.environ.get("MLX_HUB_MODELS")
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = (Path(models) if models else cache / "mlx-hub" / "models") / "smollm2-135m-instruct"
    if not (folder / "tokenizer.json").exists():
        raise SystemExit("the default model is missing: run scripts/setup")
    return folder


def write(name: str, value: Json) -> None:
    """A row a line, so that changes are readable."""
    parts: list[str] = []
    for key, part in value.items():
        if isinstance(part, list):
            rows = ",\n".join(json.dumps(row, ensure_ascii=False) for row in cast(list[Any], part))
            parts.append(f"{json.dumps(key)}: [\n{rows}\n]")
        else:
            parts.append(f"{json.dumps(key)}: {json.dumps(part, ensure_ascii=False)}")
    (GOLDEN / name).write_text("{\n" + ",\n".join(parts) + "\n}\n")


def read_corpus() -> list[str]:
    return cast(list[str], json.loads((GOLDEN / "corpus.json").read_text()))


def sentencepiece_style(corpus: list[str]) -> Tokenizer:
    """As Llama 2's: spaces become ▁, unknown characters become byte tokens, BOS in front."""
    tokenizer = Tokenizer(BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))  # noqa: S106 (a token, no password)
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    special = ["<unk>", "<s>", "</s>"]
    # Trained on the ASCII lines alone, so that the rest takes the byte tokens.
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=special + [f"<0x{byte:02X}>" for byte in range(256)],
        show_progress=False,
    )
    tokenizer.train_from_iterator([line for line in corpus if line.isascii()], trainer)
    data = json.loads(tokenizer.to_str())
    for token in data["added_tokens"]:
        token["special"] = token["content"] in special
    data["added_tokens"] = [token for token in data["added_tokens"] if token["content"] in special]
    tokenizer = Tokenizer.from_str(json.dumps(data))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    return tokenizer


def split_style(corpus: list[str]) -> Tokenizer:
    """As Llama 3's and Qwen's: a regular expression with look-ahead, then bytes; padding and truncation in the file."""
    tokenizer = Tokenizer(BPE(ignore_merges=True))
    tokenizer.normalizer = normalizers.NFC()
    pattern = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
        r"\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=900,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[
            "<|begin_of_text|>",
            "<|eot_id|>",
            "<|start_header_id|>",
            "<|end_header_id|>",
        ],
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(
                single="<|begin_of_text|> $A <|eot_id|>",
                special_tokens=[("<|begin_of_text|>", 0), ("<|eot_id|>", 1)],
            ),
        ]
    )
    tokenizer.enable_padding(length=128)
    tokenizer.enable_truncation(max_length=128)
    return tokenizer


def make_tokenizers(corpus: list[str]) -> None:
    """The small tokenizers are made once: what they are matters less than that they stay."""
    for name, make in (("sentencepiece_style", sentencepiece_style), ("split_style", split_style)):
        path = GOLDEN / "tokenizers" / name / "tokenizer.json"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            make(corpus).save(str(path), pretty=False)


def encoding_rows(tokenizer: Tokenizer, corpus: list[str]) -> list[Json]:
    rows: list[Json] = []
    for text in corpus:
        plain = tokenizer.encode(text, add_special_tokens=False)
        special = tokenizer.encode(text, add_special_tokens=True)
        rows.append(
            {
                "text": text,
                "ids": plain.ids,
                # The bindings count characters, our header bytes.
                "offsets": [
                    [len(text[:begin].encode()), len(text[:end].encode())]
                    for begin, end in plain.offsets
                ],
                "special_ids": special.ids,
                "decoded": tokenizer.decode(plain.ids, skip_special_tokens=True),
                "decoded_special": tokenizer.decode(special.ids, skip_special_tokens=False),
            }
        )
    return rows


def random_ids(tokenizer: Tokenizer, seed: int) -> list[Json]:
    """Runs of ids that no text gives: half characters, stray bytes, special tokens in between."""
    chance = random.Random(seed)
    size = tokenizer.get_vocab_size()
    low = [*range(min(size, 300))]
    rows: list[Json] = []
    for _ in range(60):
        ids = [
            chance.choice(low) if chance.random() < 0.7 else chance.randrange(size)
            for _ in range(24)
        ]
        rows.append(
            {
                "ids": ids,
                "decoded": tokenizer.decode(ids, skip_special_tokens=True),
                "decoded_special": tokenizer.decode(ids, skip_special_tokens=False),
            }
        )
    return rows


def make_encodings(folder: Path, corpus: list[str]) -> None:
    files = {
        "default_model": folder,
        **{path.name: path for path in sorted((GOLDEN / "tokenizers").iterdir())},
    }
    for name, path in files.items():
        tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        rows = {
            "lines": encoding_rows(tokenizer, corpus),
            "random": random_ids(tokenizer, seed=len(name)),
        }
        write(f"encodings_{name}.json", rows)


def for_template(message: Json) -> Json:
    """The shape that core/text/chat_template.h promises to templates."""
    message = json.loads(json.dumps(message))
    content = message.get("content")
    if content is None:
        message["content"] = ""
    elif isinstance(content, list):
        message["content"] = "".join(part["text"] for part in cast(list[Json], content))
    for tool_call in message.get("tool_calls", []):
        function = tool_call["function"]
        if isinstance(function["arguments"], str):
            function["arguments"] = json.loads(function["arguments"])
    return message


def render(source: str, conversation: Json, special: Json, prompt: bool) -> str | None:
    messages = [for_template(message) for message in conversation["messages"]]
    try:
        texts, _ = render_jinja_template(
            conversations=[messages],
            tools=conversation.get("tools"),
            chat_template=source,
            add_generation_prompt=prompt,
            **special,
        )
    except Exception:  # the template refuses: then ours must refuse, too
        return None
    return texts[0]


def make_renders(folder: Path) -> None:
    config = json.loads((folder / "tokenizer_config.json").read_text())
    special = {"bos_token": "<s>", "eos_token": "</s>"}
    sources = {
        path.stem: (path.read_text(), special)
        for path in sorted((GOLDEN / "templates").glob("*.jinja"))
    }
    named = {
        name: config[name]
        for name in ("bos_token", "eos_token", "unk_token", "pad_token")
        if name in config
    }
    sources["default_model"] = (config["chat_template"], named)
    renders: list[Json] = []
    for name, (source, tokens) in sources.items():
        for conversation, value in CONVERSATIONS.items():
            renders.extend(
                {
                    "template": name,
                    "conversation": conversation,
                    "add_generation_prompt": prompt,
                    "text": render(source, value, tokens, prompt),
                }
                for prompt in (False, True)
            )
    write(
        "renders.json",
        {"conversations": CONVERSATIONS, "special_tokens": special, "renders": renders},
    )


def make_datasets(folder: Path) -> None:
    # By this class: the one that tokenizer_config.json names would rebuild the pipeline from its own idea of it.
    # mlx-lm's annotations name another class than it passes itself.
    tokenizer = cast(
        Any,
        PreTrainedTokenizerFast.from_pretrained(str(folder)),  # pyright: ignore[reportUnknownArgumentType]
    )

    def built(row: Json) -> Json:
        if "messages" in row:
            data: Any = ChatDataset([row], tokenizer, mask_prompt=True)
        elif "prompt" in row:
            data = CompletionsDataset([row], tokenizer, "prompt", "completion", mask_prompt=True)
        else:
            data = TextDataset([row], tokenizer)
        tokens, offset = data.process(data[0])
        return {"row": row, "tokens": tokens, "offset": offset}

    rows = [built(row) for row in ROWS]
    template = "chatml_tools"
    tokenizer.chat_template = (GOLDEN / "templates" / f"{template}.jinja").read_text()
    rows.extend({**built(row), "template": template} for row in TOOL_ROWS)
    write("datasets.json", {"rows": rows})


def main() -> None:
    folder = model_folder()
    corpus = read_corpus()
    make_tokenizers(corpus)
    make_encodings(folder, corpus)
    make_renders(folder)
    make_datasets(folder)


if __name__ == "__main__":
    main()
