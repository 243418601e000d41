"""`python -m tests.whole_offline HOME MODEL`: the real window, set to stay offline, with a model in
a hub's cache.

It shows every view of the models page, makes something with the model, and asks the courier for
everything that a person can ask for. It prints one JSON object: how the job ended, what was made,
what each question was answered, and the modules that the window's process has imported.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtWidgets import QApplication

from studio.core.paths import Paths
from studio.core.recipe import Recipe
from studio.library import Query as Items
from studio.models.hub.query import Query
from studio.ui.app import build

PATIENCE = 90.0
VIEWS = ("installed", "discover", "downloads")


def main() -> None:
    app = QApplication(["triptych"])
    window = build(Paths.below(Path(sys.argv[1])))
    studio, model = window.studio, sys.argv[2]
    assert studio.settings.stay_offline
    answers: dict[str, str] = {}
    endings: list[object] = []
    studio.engine.ended.connect(lambda _job, ending: endings.append(ending))
    window.show()
    studio.engine.resume()
    for view in VIEWS:
        studio.show_models(view)
        _live(lambda: True)
    recipe = Recipe("text", "text.chat", model, 1, {"prompt": "a fox", "length": 20})
    studio.engine.submit(recipe)
    questions: dict[str, tuple[object, ...]] = {
        "search": (Query(words="fox"),),
        "page": ("a/other",),
        "get": ("a/other",),
        "updates": (),
        "sign_in": ("hf_SecretOfNobody",),
        "who": (),
        "downloads": (),
        "recommended": (),
        "verify": (model,),
        "remove": (model, (model,)),
    }

    def hear(action: str) -> Callable[[Any], None]:
        def heard(said: Any) -> None:
            answers[action] = str(getattr(said, "message", said))

        return heard

    for action, given in questions.items():
        studio.hub.ask(action, *given, then=hear(action), failed=hear(action))
    _live(lambda: len(answers) == len(questions) and len(endings) == 1)
    made = studio.library.items(Items())
    report = {
        "ended": [type(e).__name__ for e in endings],
        "made": [i.recipe.model for i in made],
        "answers": answers,
        "modules": sorted({name.partition(".")[0] for name in sys.modules}),
    }
    window.close()
    studio.close()
    sys.stdout.write(json.dumps(report) + "\n")
    del app


def _live(until: Callable[[], bool]) -> None:
    """Let the window live until something holds, and half a second more."""
    end, rest = time.monotonic() + PATIENCE, 0.0
    while not rest or time.monotonic() < rest:
        assert time.monotonic() < end, "it took too long"
        QApplication.processEvents()
        time.sleep(0.001)
        if not rest and until():
            rest = time.monotonic() + 0.5


if __name__ == "__main__":
    main()
