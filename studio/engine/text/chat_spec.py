"""What the family of chat models says about itself: its settings and its examples."""

from __future__ import annotations

from studio.core.controls import Choice, Document, Number, Option, Text, Toggle
from studio.core.family import Example, FamilySpec
from studio.engine.text import writing

SPEC = FamilySpec(
    id="text.chat",
    title="Words",
    kind="text",
    needs=("genai_config.json",),
    without_tags=("abc-notation",),
    models="Llama 2 and 3, Mistral, Qwen 2, 2.5 and 3, Phi 3 and 4, Gemma 1, 2 and 3 (their text), "
    "SmolLM 2 and 3, Granite 3, OLMo 2: folders of onnxruntime-genai as they are, and safetensors "
    "once they are built into one, in int4 by default or in fp32",
    proved="a tiny model of each with its published structure, built in fp32, gives the logits of "
    "transformers within 1e-4, and the same bits again after a rewind; fourteen published chat "
    "templates are put as transformers puts them; int4 was run with Llama, and "
    "fp16, which is for graphics cards, was not; Phi models with long "
    "positions are used up to their original context",
    outputs=(".md",),
    controls=(
        Text(
            name="prompt",
            label="What is it about?",
            lines=4,
            placeholder="A little fox who is afraid of the dark",
        ),
        Choice(
            name="kind",
            label="Kind",
            default="story",
            options=(
                Option(value="chat", label="chat"),
                Option(value="story", label="story"),
                Option(value="fable", label="fable"),
                Option(value="poem", label="poem"),
                Option(value="rhyme", label="rhyme"),
            ),
        ),
        Text(
            name="words",
            label="Words to use",
            max_length=300,
            placeholder="fox, moon, boat",
            help="What has to come in it, with commas between.",
        ),
        Choice(
            name="voice",
            label="Voice",
            default="child",
            options=(
                Option(value="child", label="for a child"),
                Option(value="plain", label="plain"),
                Option(value="grand", label="grand"),
            ),
        ),
        Number(
            name="length",
            label="Length",
            default=200,
            minimum=10,
            maximum=2000,
            step=10,
            whole=True,
            unit="words",
            help="The text ends with the sentence in which it gets this long, or sooner. An answer "
            "in a chat ends by itself.",
        ),
        Document(
            name="document",
            label="Document",
            help="A text to work with: txt, md, docx, pdf or epub.",
        ),
        Text(
            name="instruction",
            label="Task",
            max_length=8_000,
            lines=4,
            folded=True,
            help="What is to be done. {text} stands for your words and the document, {length} for "
            "the length.",
        ),
        Text(
            name="history",
            label="What was said before",
            max_length=1_000_000,
            hidden=True,
        ),
        Text(
            name="start",
            label="Go on from this",
            max_length=60_000,
            lines=4,
            folded=True,
            help="The text begins with these words, and the model goes on.",
        ),
        Text(
            name="system",
            label="System prompt",
            max_length=8_000,
            lines=3,
            folded=True,
            help="How a chat model is to behave. The starter model does not know these.",
        ),
        *writing.SAMPLING,
        Number(
            name="max_tokens",
            label="Longest answer",
            default=2048,
            minimum=16,
            maximum=32_768,
            step=16,
            whole=True,
            unit="tokens",
            folded=True,
            help="Where an answer in a chat is cut off at the latest.",
        ),
        Toggle(
            name="think",
            label="Think first",
            folded=True,
            help="For models that can: better answers to hard questions, later. The thoughts are "
            "not shown.",
        ),
        Text(
            name="stop",
            label="Stop strings",
            max_length=2_000,
            lines=2,
            folded=True,
            help="One a line. The text ends before the first of them; \\n stands for a new line.",
        ),
        Choice(
            name="format",
            label="Form of the answer",
            default="none",
            folded=True,
            options=(
                Option(value="none", label="any"),
                Option(value="json", label="JSON"),
                Option(value="regex", label="regular expression"),
            ),
            help="An answer in a chat is held to it, token by token.",
        ),
        Text(
            name="schema",
            label="Schema",
            max_length=50_000,
            lines=4,
            folded=True,
            help="The JSON schema or the regular expression that the answer has to fit.",
        ),
    ),
    examples=(
        Example("A fox in the dark", {"prompt": "a little fox who is afraid of the dark"}),
        Example(
            "A fable of a crow", {"kind": "fable", "words": "crow, bread, rain", "length": 120}
        ),
        Example(
            "A cat in a boat, in rhyme", {"kind": "rhyme", "words": "cat, boat, moon", "length": 60}
        ),
    ),
)
