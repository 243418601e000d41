"""What licences of models ask of those who make things with them, in plain words.

Keys are the hub's identifiers (https://huggingface.co/docs/hub/repositories-licenses) and the
names that makers give to terms of their own. No legal advice: where the words of a licence leave
it open, the answer is to ask.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Sell = Literal["yes", "conditions", "no", "ask"]
"""May I sell what I make with it?"""

STATED_NOTHING = frozenset({"", "not stated", "unknown", "other", "none"})


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence as a person has to know it."""

    id: str
    name: str
    """As people write it."""
    sell: Sell
    words: str
    """What one may do and what is asked for it, in short."""
    own_terms: bool = False
    """Its maker wrote it for models of their own: the text is to be read before publishing."""


ANYTHING = "Use it for anything; nothing is asked of you."
NOTICE = "Use it for anything, also to earn money. Keep the notice if you pass the model on."
NAME = "Use it for anything if you name its makers."
ALIKE = (
    "Use it for anything if you name its makers. What you build on the model itself goes out "
    "under the same licence."
)
UNCHANGED = (
    "Use it for anything if you name its makers. A changed model may not be passed on to others."
)
OPEN = "Use it for anything. What you build on the model itself stays open."
NOT_FOR_MONEY = "Not for earning money. Name its makers."
RESEARCH = "For research and for trying out only: not for earning money."
HARM = "Use it, also to earn money, but not for the harmful purposes that its text lists."
UNSAID = "Nobody says what you may do with it. Ask its maker before you publish."
OWN = "Its maker has terms of their own. Read them in the model card below."
_LLAMA = (
    "Its maker has terms of their own. You may earn money with what you make, keeping to Meta's "
    "list of forbidden uses; who passes the model on says that it is built with Llama, and "
    "companies with more than 700 million users ask Meta first."
)
_GEMMA = (
    "Its maker has terms of their own. You may earn money with what you make, keeping to "
    "Google's list of forbidden uses, which goes along wherever the model goes."
)
_STABILITY = (
    "Its maker has terms of their own. You may earn money with what you make as long as you earn "
    "less than a million US dollars a year; above that it takes a licence from Stability AI."
)
_FLUX = (
    "Its maker has terms of their own. The model itself is not for earning money; what its text "
    "says of the pictures is another matter. Read it, or ask Black Forest Labs, before you sell "
    "any."
)
_USERS = (
    "Its maker has terms of their own. You may earn money with what you make; companies with "
    "more than 100 million users ask its maker first."
)
_LISTED = (
    "Its maker has terms of their own. You may earn money with what you make, keeping to the "
    "forbidden uses that its text lists."
)

_FAMILIES: tuple[tuple[Sell, str, bool, dict[str, str]], ...] = (
    ("yes", ANYTHING, False, {
        "cc0-1.0": "CC0 1.0", "unlicense": "Unlicense", "public-domain": "Public domain",
        "wtfpl": "WTFPL", "pddl": "PDDL", "0bsd": "0BSD", "mit-0": "MIT-0",
    }),
    ("yes", NOTICE, False, {
        "apache-2.0": "Apache 2.0", "mit": "MIT", "bsd": "BSD", "bsd-2-clause": "BSD (2 clauses)",
        "bsd-3-clause": "BSD (3 clauses)", "bsd-3-clause-clear": "BSD (3 clauses, clear)",
        "isc": "ISC", "zlib": "zlib", "bsl-1.0": "Boost 1.0", "ms-pl": "Ms-PL", "ncsa": "NCSA",
        "postgresql": "PostgreSQL", "artistic-2.0": "Artistic 2.0", "ecl-2.0": "ECL 2.0",
        "afl-3.0": "AFL 3.0", "ofl-1.1": "SIL OFL 1.1", "lppl-1.3c": "LPPL 1.3c",
        "cdla-permissive-1.0": "CDLA Permissive 1.0", "cdla-permissive-2.0": "CDLA Permissive 2.0",
    }),
    ("conditions", NAME, False, {
        "cc": "Creative Commons", "cc-by-2.0": "CC BY 2.0", "cc-by-2.5": "CC BY 2.5",
        "cc-by-3.0": "CC BY 3.0", "cc-by-4.0": "CC BY 4.0", "odc-by": "ODC-By",
        "etalab-2.0": "Etalab 2.0",
    }),
    ("conditions", ALIKE, False, {
        "cc-by-sa-3.0": "CC BY-SA 3.0", "cc-by-sa-4.0": "CC BY-SA 4.0", "odbl": "ODbL",
        "cdla-sharing-1.0": "CDLA Sharing 1.0", "gfdl": "GFDL",
    }),
    ("conditions", UNCHANGED, False, {"cc-by-nd-4.0": "CC BY-ND 4.0"}),
    ("no", NOT_FOR_MONEY, False, {
        "cc-by-nc-2.0": "CC BY-NC 2.0", "cc-by-nc-3.0": "CC BY-NC 3.0",
        "cc-by-nc-4.0": "CC BY-NC 4.0", "cc-by-nc-nd-3.0": "CC BY-NC-ND 3.0",
        "cc-by-nc-nd-4.0": "CC BY-NC-ND 4.0", "cc-by-nc-sa-2.0": "CC BY-NC-SA 2.0",
        "cc-by-nc-sa-3.0": "CC BY-NC-SA 3.0", "cc-by-nc-sa-4.0": "CC BY-NC-SA 4.0",
    }),
    ("yes", OPEN, False, {
        "gpl": "GPL", "gpl-2.0": "GPL 2.0", "gpl-3.0": "GPL 3.0", "agpl-3.0": "AGPL 3.0",
        "lgpl": "LGPL", "lgpl-2.1": "LGPL 2.1", "lgpl-3.0": "LGPL 3.0", "lgpl-lr": "LGPL-LR",
        "mpl-2.0": "MPL 2.0", "epl-1.0": "EPL 1.0", "epl-2.0": "EPL 2.0", "eupl-1.1": "EUPL 1.1",
        "eupl-1.2": "EUPL 1.2", "osl-3.0": "OSL 3.0",
    }),
    ("conditions", HARM, False, {
        "openrail": "OpenRAIL", "openrail++": "OpenRAIL++", "openrail-m": "OpenRAIL-M",
        "creativeml-openrail-m": "CreativeML OpenRAIL-M",
        "bigscience-openrail-m": "BigScience OpenRAIL-M",
        "bigscience-bloom-rail-1.0": "BigScience BLOOM RAIL 1.0",
        "bigcode-openrail-m": "BigCode OpenRAIL-M",
    }),
    ("conditions", _LLAMA, True, {
        "llama2": "Llama 2 Community", "llama3": "Llama 3 Community",
        "llama3.1": "Llama 3.1 Community", "llama3.2": "Llama 3.2 Community",
        "llama3.3": "Llama 3.3 Community", "llama4": "Llama 4 Community",
    }),
    ("conditions", _GEMMA, True, {"gemma": "Gemma"}),
    ("conditions", _STABILITY, True, {
        "stabilityai-ai-community": "Stability AI Community",
        "stable-audio-community": "Stability AI Community",
        "stabilityai-community": "Stability AI Community",
    }),
    ("conditions", _USERS, True, {
        "qwen": "Qwen", "tongyi-qianwen": "Tongyi Qianwen",
        "tongyi-qianwen-license-agreement": "Tongyi Qianwen",
    }),
    ("conditions", _LISTED, True, {
        "deepseek": "DeepSeek", "deepseek-license": "DeepSeek",
        "nvidia-open-model-license": "NVIDIA Open Model",
    }),
    ("no", RESEARCH, True, {
        "qwen-research": "Qwen Research", "tongyi-qianwen-research": "Tongyi Qianwen Research",
        "apple-amlr": "Apple model research", "apple-ascl": "Apple sample code",
        "deepfloyd-if-license": "DeepFloyd IF", "intel-research": "Intel Research",
        "fair-noncommercial-research-license": "FAIR Noncommercial Research",
        "mrl": "Mistral Research", "mnpl": "Mistral Non-Production",
        "sai-nc-community": "Stability AI Non-Commercial",
        "stable-audio-nc-community": "Stability AI Non-Commercial",
        "bria-rmbg-1.4": "BRIA RMBG 1.4", "bria-rmbg-2.0": "BRIA RMBG 2.0",
    }),
    ("ask", _FLUX, True, {
        "flux-1-dev-non-commercial-license": "FLUX.1 [dev] Non-Commercial",
    }),
)  # fmt: skip
_KNOWN: dict[str, Licence] = {
    key: Licence(key, name, sell, words, own)
    for sell, words, own, names in _FAMILIES
    for key, name in names.items()
}
_UNWANTED = re.compile(r"[\s_]+")
_MONEY = re.compile(r"(^|[-. ])(nc|noncommercial|non-commercial|research)([-. ]|$)")


def licence(said: str) -> Licence:
    """What is known of a licence by its identifier, or by what its name gives away."""
    key = _key(said)
    if key in STATED_NOTHING or key == "not-stated":
        return Licence("", "", "ask", UNSAID)
    if key in _KNOWN:
        return _KNOWN[key]
    name = " ".join(said.split())[:80]
    if _MONEY.search(key):
        creative = key.startswith("cc-")
        return Licence(key, name, "no", NOT_FOR_MONEY if creative else RESEARCH, not creative)
    for mark, like in (
        ("cc-by-sa", "cc-by-sa-4.0"),
        ("cc-by-nd", "cc-by-nd-4.0"),
        ("cc-by", "cc-by-4.0"),
        ("gpl", "gpl-3.0"),
        ("agpl", "gpl-3.0"),
        ("lgpl", "gpl-3.0"),
    ):
        if key.startswith(mark):
            known = _KNOWN[like]
            return Licence(key, name, known.sell, known.words)
    if "rail" in re.split(r"[^a-z]+", key) or "openrail" in key:
        return Licence(key, name, "conditions", HARM)
    return Licence(key, name, "ask", OWN, own_terms=True)


def may_sell(said: str) -> bool:
    """Whether what is made with it may be sold, with conditions or without."""
    return licence(said).sell in ("yes", "conditions")


def licence_in(tags: Iterable[str]) -> str:
    """The licence that the hub has put among a model's tags, as `license:mit`; empty for none."""
    return next((t.removeprefix("license:") for t in tags if t.startswith("license:")), "")


def _key(said: str) -> str:
    return _UNWANTED.sub("-", said.strip().lower()[:200])
