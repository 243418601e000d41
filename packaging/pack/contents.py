"""What of the installed libraries goes into the bundle, and what each part of it is for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Flavour = Literal["cpu", "cuda"]
FLAVOURS: tuple[Flavour, ...] = ("cpu", "cuda")

PACKAGES = "packages"
"""The folder of the bundle that holds what pip installed."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Files that stay out: which, below the folder of packages, and why."""

    pattern: str
    why: str
    flavours: tuple[Flavour, ...] = FLAVOURS

    def holds(self, path: str, flavour: Flavour) -> bool:
        return flavour in self.flavours and re.search(self.pattern, path) is not None


_QT_MODULES = "Core|DBus|Gui|Multimedia|Network|Svg|Widgets"
"""What the studio imports of Qt, and DBus, which the desktop's notices go through."""
_QT_LIBRARIES = (
    f"{_QT_MODULES}|Concurrent|OpenGL|Qml|QmlMeta|QmlModels|QmlWorkerScript|Quick|WaylandClient"
    "|XcbQpa|FFmpegStub"
)
"""Those and what they are linked against; Multimedia is linked against Quick."""
_QT_PLUGINS = (
    r"iconengines/|imageformats/\w*q(gif|ico|jpeg|svg|webp)\b|multimedia/"
    r"|platforms/\w*q(xcb|wayland|offscreen|minimal|windows|cocoa)\b|platforminputcontexts/\w*(compose|ibus)"
    r"|platformthemes/|styles/|wayland-decoration-client/|wayland-shell-integration/\w*xdg-shell"
    r"|wayland-graphics-integration-client/\w*qt-plugin-wayland-egl|xcbglintegrations/"
)

RULES: tuple[Rule, ...] = (
    Rule(r"(^|/)__pycache__/", "compiled anew, so that it is the same each time"),
    Rule(r"^bin/|^include/|^share/|^man/", "programs and manuals of the libraries"),
    Rule(r"^torch/(include|share|test)/", "headers, tests and tools of PyTorch"),
    # PyTorch looks for this one when it is imported.
    Rule(r"^torch/bin/(?!torch_shm_manager(\.exe)?$)", "headers, tests and tools of PyTorch"),
    Rule(r"^torch/lib/\w*(test|backend_with_compiler|aoti_custom_ops)\w*\.", "tests of PyTorch"),
    Rule(r"^torch/lib/(libshm_windows|.*\.lib$)", "sources and import libraries"),
    Rule(r"(^|/)tests?/", "test suites"),
    Rule(r"^onnxruntime/(datasets|transformers/models)/", "examples of ONNX Runtime"),
    Rule(r"\.(pyi|pyx|pxd|h|hpp|hxx|cuh|cmake|a|lib|exp|pdb|c|cpp|cc|cu)$", "for programmers"),
    Rule(r"^PySide6/Qt/(libexec|metatypes|modules|qml|resources)/", "tools and QML"),
    Rule(r"^PySide6/Qt/translations/(?!qtbase_)", "words of tools"),
    Rule(
        r"^PySide6/(doc|examples|glue|include|lib|qml|scripts|support|typesystems)/", "tools of Qt"
    ),
    Rule(
        r"^PySide6/(assistant|balsam\w*|designer|linguist|lrelease|lupdate|qml\w*|qsb|rcc|uic"
        r"|svgtoqml|lconvert)(\.exe|\.app/.*)?$",
        "tools of Qt",
    ),
    Rule(rf"^PySide6/Qt(?!({_QT_MODULES})\.)\w+\.(abi3\.so|pyd)$", "parts of Qt that are not used"),
    Rule(r"^PySide6/\w*pyside6qml", "parts of Qt that are not used"),
    # A wheel has no links: three copies of each library of FFmpeg, of which one is looked for.
    Rule(r"^PySide6/Qt/lib/lib(av|sw)\w+\.so(\.\d+\.\d+\.\d+)?$", "second copies"),
    Rule(rf"^PySide6/Qt/lib/libQt6(?!({_QT_LIBRARIES})\b)\w+(-\w+)*\.so", "parts of Qt not used"),
    Rule(rf"^PySide6/Qt/lib/Qt(?!({_QT_LIBRARIES})\.)\w+\.framework/", "parts of Qt not used"),
    Rule(rf"^PySide6/Qt6(?!({_QT_LIBRARIES})\.)\w+\.dll$", "parts of Qt that are not used"),
    Rule(rf"^PySide6/(Qt/)?plugins/(?!{_QT_PLUGINS})", "plugins of Qt that are not used"),
    Rule(r"^(setuptools|pkg_resources|_distutils_hack)/", "for programmers"),
    Rule(r"^hf_xet/", "another way to download than the studio's own"),
    Rule(r"^numpy/(distutils|_core/lib|random/lib)/", "for compiling against NumPy"),
    Rule(r"onnxruntime_providers_(cuda|tensorrt)\b", "graphics cards", ("cpu",)),
    Rule(r"onnxruntime-genai-cuda\b", "graphics cards", ("cpu",)),
    Rule(r"^nvidia/", "graphics cards", ("cpu",)),
)

STRIPPED = re.compile(r"^torch/lib/libtorch\w*\.so$")
"""Libraries whose names for debuggers go: 90 MB that nothing reads when the program runs."""

_KEPT = re.compile(r"(licen[cs]e|copying|notice|authors)", re.IGNORECASE)


def left_out(path: str, flavour: Flavour) -> str:
    """Why a file stays out, or "" for one that goes in. `path`: below the packages, with slashes.

    Licences and notices stay whatever their folder is.
    """
    name = path.rpartition("/")[2]
    if _KEPT.search(name) and not name.endswith((".py", ".pyc", ".pyi")):
        return ""
    return next((rule.why for rule in RULES if rule.holds(path, flavour)), "")


PURPOSES: tuple[tuple[str, str, str], ...] = (
    (r"^packages/(torch|torchgen|functorch)/", "PyTorch", "schedulers, export of graphs"),
    (r"^packages/nvidia/", "CUDA and cuDNN", "computing on NVIDIA cards"),
    (
        r"packages/.*(providers_(cuda|tensorrt)|genai-cuda)\b",
        "CUDA providers",
        "computing on NVIDIA cards",
    ),
    (r"^packages/onnxruntime/", "ONNX Runtime", "runs every model"),
    (r"^packages/onnxruntime_genai/", "onnxruntime-genai", "runs and converts chat models"),
    (r"^packages/PySide6/Qt/lib/lib(av|sw)|FFmpeg|multimedia/", "FFmpeg of Qt", "playing sound"),
    (r"^packages/PySide6/Qt/lib/libicu", "ICU", "letters and lines of every script"),
    (r"^packages/(PySide6|shiboken6)/", "Qt and PySide6", "the window"),
    (r"^packages/transformers/", "transformers", "parts of pictures, speech and music models"),
    (r"^packages/diffusers/", "diffusers", "pipelines and schedulers of pictures and sound"),
    (r"^packages/(numpy|numpy\.libs|ml_dtypes)/", "NumPy", "arrays; the synthesizer"),
    (r"^packages/(sympy|mpmath|networkx)/", "SymPy, networkx", "export of graphs, by PyTorch"),
    (r"^packages/(onnx|onnxscript|onnx_ir|google|flatbuffers)/", "ONNX", "reads, makes graphs"),
    (r"^packages/verovio/", "Verovio", "notes on staves"),
    (
        r"^packages/(cryptography|keyring|secretstorage|jeepney)/",
        "Keyring",
        "a hub's token, kept safe",
    ),
    (r"^packages/(PIL|pillow\.libs)/", "Pillow", "pictures in and out"),
    (
        r"^packages/(tokenizers|regex|clip|ftfy|wcwidth|llguidance)/",
        "Tokenizers",
        "words to numbers",
    ),
    (r"^packages/(_soundfile|soundfile|_cffi|cffi|mido)", "soundfile, mido", "sound in and out"),
    (r"^packages/(misaki|sentencex|unicode_rbnf|addict)/", "Speech", "how words are spoken"),
    (
        r"^packages/(huggingface_hub|httpx|httpcore|requests|urllib3|anyio|idna|certifi|truststore)",
        "Hub",
        "searching and getting models, when asked",
    ),
    (
        r"^packages/(pydantic|pydantic_core|pygments|rich|typer|click|jinja2|yaml)",
        "Small libraries",
        "what the libraries above need",
    ),
    (r"resources/models/", "Starter models", "text, pictures and tunes from the first minute"),
    (r"resources/fonts/", "Inter", "the window's letters"),
    (r"resources/licences/", "Licences", "of everything here"),
    (r"resources/", "Icons, graphs, presets", "drawings, graphs of known models, tasks"),
    (r"^packages/[^/]+\.dist-info/", "Metadata", "versions and licences of the libraries"),
    (r"^packages/", "Small libraries", "what the libraries above need"),
    (r"", "Python and the studio", "the interpreter, its library, the program itself"),
)
"""Pattern of paths in the bundle, what it is, what it is for; the first that fits counts."""


def purpose(path: str) -> tuple[str, str]:
    """What a file of the bundle belongs to, and what that is for."""
    return next((name, why) for pattern, name, why in PURPOSES if re.search(pattern, path))


BEGIN, END = "<!-- sizes: begin -->", "<!-- sizes: end -->"


def filled(page: str, sizes: str) -> str:
    """A page with the table where it marks a place for it."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{sizes}\n{END}{after}"


def table(files: Iterable[tuple[str, int]]) -> str:
    """Markdown: what each megabyte is for, of paths in the bundle with their sizes in bytes."""
    sizes: dict[str, int] = {}
    reasons: dict[str, str] = {}
    for path, size in files:
        name, why = purpose(path)
        sizes[name] = sizes.get(name, 0) + size
        reasons[name] = why
    lines = ["| MB | what | what for |", "|---:|---|---|"]
    for name in sorted(sizes, key=lambda n: (-sizes[n], n)):
        lines.append(f"| {sizes[name] / 1e6:.1f} | {name} | {reasons[name]} |")
    lines.append(f"| {sum(sizes.values()) / 1e6:.1f} | all of it | |")
    return "\n".join(lines)
