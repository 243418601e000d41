"""Speech: a text read aloud sentence by sentence, by one voice or by a cast of several.

The models are of several kinds (`speech_models`), the way from written text to what they read is
the same for all (`studio.engine.speech`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.core.controls import Document, Extra, Named, Number, Text, complete
from studio.core.errors import StudioError
from studio.core.family import Example, FamilySpec
from studio.core.files import write_atomic
from studio.core.media import embed
from studio.core.messages import AudioPreview, Output, Phase, Progress, Step
from studio.core.recipe import Job
from studio.core.record import Record
from studio.engine import documents
from studio.engine.audio.speech_models.opening import TYPES
from studio.engine.image import handover
from studio.engine.image.prompt import title

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from studio.engine.audio.speech_models.base import Voice
    from studio.engine.audio.tape import Tape
    from studio.engine.speech.script import Pauses, Utterance
    from studio.engine.workbench import Workbench

    Samples = npt.NDArray[np.float32]

LONGEST = 2 * 3600.0
"""Seconds of one piece; two hours take some 3 GB while they are levelled."""
PART = 70 * 60.0
"""Seconds of one part of a longer text, about: an hour and ten minutes."""
MOST_TEXT = 2_500_000
"""Characters: of more, what is said cannot be told apart before somebody who cancels waits."""
DOCUMENT, LOADED, SPOKEN = 0.03, 0.1, 0.95
"""How much of a job is done when a document is read, the model loaded, and all is spoken."""
_PREVIEW_RATE = 20.0
"""Peaks a second."""
_HEARD = 0.09
"""The mean level that the sound is brought to while it is only listened to."""

SPEC = FamilySpec(
    id="audio.speech",
    title="Speech",
    kind="audio",
    controls=(
        Text(
            name="prompt",
            label="Text",
            help="What is read aloud. Blank lines make longer pauses; Markdown is read as it "
            "looks.",
            lines=8,
            max_length=60_000,
            placeholder="Once upon a time…",
        ),
        Document(
            name="document",
            label="Document",
            help="Is read aloud after the text: txt, md, docx, pdf or epub.",
        ),
        Number(
            name="part",
            label="Part",
            help="Which part of a text that takes longer than an hour, as a book.",
            default=1,
            minimum=1,
            maximum=999,
            whole=True,
            folded=True,
        ),
        Named(name="voice", label="Voice", of="voices"),
        Number(
            name="speed",
            label="Speed",
            help="1 is the voice’s own pace.",
            default=1.0,
            minimum=0.5,
            maximum=2.0,
            step=0.05,
        ),
        Number(
            name="pitch",
            label="Pitch",
            help="How much higher or lower than the voice’s own.",
            default=0.0,
            minimum=-6.0,
            maximum=6.0,
            step=0.5,
            unit="semitones",
            folded=True,
        ),
        Number(
            name="liveliness",
            label="Expressiveness",
            help="How freely melody and rhythm vary; 0 is even, 1 is the voice’s own.",
            default=1.0,
            minimum=0.0,
            maximum=1.5,
            step=0.05,
            folded=True,
        ),
        Number(
            name="sentence_pause",
            label="Pause after a sentence",
            default=0.35,
            minimum=0.0,
            maximum=3.0,
            step=0.05,
            unit="s",
            folded=True,
        ),
        Number(
            name="paragraph_pause",
            label="Pause after a paragraph",
            default=0.8,
            minimum=0.0,
            maximum=10.0,
            step=0.1,
            unit="s",
            folded=True,
        ),
        Number(
            name="comma_pause",
            label="Pause at a comma",
            help="0 leaves it to the voice; otherwise each part is spoken for itself.",
            default=0.0,
            minimum=0.0,
            maximum=2.0,
            step=0.05,
            unit="s",
            least="The voice’s own",
            folded=True,
        ),
        Text(
            name="voices",
            label="Cast",
            help="A voice for each speaker, one a line: Anna = af_heart. Lines of the text that "
            "begin with “Anna:” are then hers.",
            lines=3,
            max_length=4_000,
            placeholder="Anna = af_heart",
            folded=True,
        ),
        Text(
            name="pronunciations",
            label="Pronunciations",
            help="One a line: a word, =, and how it is said, in other words (GIF = jif) or in "
            "phonemes (GIF = /dʒˈɪf/).",
            lines=3,
            max_length=20_000,
            placeholder="GIF = jif",
            folded=True,
        ),
        Extra(
            name="vocoder",
            label="Vocoder",
            help="For SpeechT5, whose sound is made by a second model (HiFi-GAN).",
            role="vocoder",
            folded=True,
        ),
    ),
    examples=(
        Example(
            "A story’s beginning",
            {
                "prompt": "Once upon a time, a little fox was afraid of the dark. “Is anyone "
                "there?” she asked. Nobody answered."
            },
        ),
        Example(
            "An announcement, by a man",
            {
                "prompt": "Good evening! The show begins at 7:30. Please find your seats.",
                "voice": "ruben",
            },
        ),
    ),
    needs=(),
    where={"model_type": TYPES},
    models="VITS and MMS (transformers in safetensors; transformers.js), Piper voices, Kokoro "
    "(onnx-community’s layout and kokoro-onnx’s), SpeechT5 with HiFi-GAN (transformers).",
    proved="Tiny models from the real configuration classes (VITS with one and several speakers, "
    "SpeechT5 with HiFi-GAN): sound within 1e-4 of transformers on torch with the same random "
    "numbers. Piper and Kokoro by tiny graphs with the published inputs and outputs; the starter "
    "voice as it is. No published weights were at hand.",
    outputs=(".wav",),
)


def warm() -> None:
    """Import what `run` will need, and read the English dictionary."""
    import onnx  # noqa: F401
    import onnxruntime  # noqa: F401
    import sentencex  # noqa: F401
    import transformers

    from studio.engine.audio import tape, waves  # noqa: F401
    from studio.engine.audio.speech_models import piper, seeded  # noqa: F401
    from studio.engine.speech import reading, script  # noqa: F401
    from studio.engine.speech.lexicon import lexicon

    transformers.utils.logging.set_verbosity_error()
    lexicon()


def run(job: Job, bench: Workbench) -> Generator[Step, None, None]:
    """Read one text aloud; speech.wav. Raises StudioError for whatever a person can mend."""
    speaking = Speaking(job, bench)
    yield from handover.steps(speaking.work, speaking.halt, speaking.beat)


class Speaking:
    """One job, from the text to the file. Works in a thread, is stopped from another."""

    def __init__(self, job: Job, bench: Workbench) -> None:
        self._job, self._bench = job, bench
        self._values = complete(SPEC.controls, job.recipe.values)
        self._voice: Voice | None = None
        self._halted = False
        self._last = Progress("starting", 0, 1, 0.0)
        self._emit: Callable[[Step], None] = lambda step: None
        self._title = ""
        """What it is called, where not by its first words."""
        self._level = 0.0
        """The factor for what is listened to, once something was heard."""

    def halt(self) -> None:
        """Stop the graph that runs. Called from the generator's thread."""
        self._halted = True
        if self._voice is not None:
            self._voice.brake.pull()

    def beat(self) -> Step | None:
        """Where we are, again, while something long is done: it can be stopped there."""
        return self._last

    def work(self, emit: Callable[[Step], None]) -> None:
        """Everything a job is, in order."""
        from studio.engine.audio.speech_models import opening
        from studio.engine.audio.tape import Tape
        from studio.engine.speech import script
        from studio.engine.speech.own import Pronunciations
        from studio.engine.speech.reading import Reading

        self._emit = emit
        values = self._values
        self._say("starting", 0, 1, 0.0)
        reading = Reading(Pronunciations.parse(str(values["pronunciations"])))
        cast = script.cast(str(values["voices"]))
        pauses = script.Pauses(
            float(values["sentence_pause"]),
            float(values["paragraph_pause"]),
            float(values["comma_pause"]),
        )
        texts = self._texts()
        voice = opening.load(self._job, self._bench, self._loading)
        self._voice = voice
        if self._halted:  # a moment ago, when there was no brake to pull yet
            voice.brake.pull()
        self._check(voice, cast.values())
        said = self._part(voice, texts, cast, pauses)
        tape = Tape(voice.rate)
        self._speak(voice, said, reading, tape)
        self._say("saving", 0, 1, SPOKEN)
        self._save(tape, voice, said)

    def _texts(self) -> list[str]:
        """What is read: what was written, and then the document."""
        written = str(self._values["prompt"])
        texts = [written] if written.strip() else []
        steps = documents.of_job(self._job, DOCUMENT)
        try:
            while True:
                step = next(steps)
                if isinstance(step, Progress):
                    self._say(step.phase, step.step, step.total, step.fraction)
        except StopIteration as end:
            if end.value is not None:
                name, text = end.value
                self._title = Path(name).stem
                texts.append(text)
        if not texts:
            raise StudioError("There is nothing to read.", "Write a text, or choose a document.")
        if sum(map(len, texts)) > MOST_TEXT:
            raise StudioError(
                f"The text is too long: more than {MOST_TEXT:,} characters.",
                "Choose a document that holds a part of it.",
            )
        return texts

    def _part(
        self, voice: Voice, texts: list[str], cast: Mapping[str, str], pauses: Pauses
    ) -> list[Utterance]:
        """What is to be spoken, of a long text the part that is chosen."""
        from studio.engine.speech import script

        said: list[Utterance] = []
        for text in texts:
            if said:
                said[-1] = replace(said[-1], pause=pauses.paragraph)
            said += script.read(text, cast, voice.language, pauses, voice.longest)
        parts = script.parts(said, PART * float(self._values["speed"]))
        number = int(self._values["part"])
        if number > len(parts):
            raise StudioError(
                f"The text has no part {number}: it has {len(parts)}.",
                "Choose another one under “Part”.",
            )
        if len(parts) > 1:
            more = "" if number == len(parts) else f" Choose {number + 1} under “Part” to go on."
            voice.notes.add(f"This is part {number} of {len(parts)}.{more}")
            self._title = f"{self._title or title(said[0].text)}, part {number}"
        return parts[number - 1]

    def _loading(self, done: float, total: int) -> None:
        """Hears of loading very often; tells what is new, and leaves it when nobody waits."""
        if self._halted:
            raise handover.Stopped
        fraction = LOADED * done / total
        if fraction >= self._last.fraction + 0.002 or self._last.phase != "loading":
            self._say("loading", int(done), total, fraction)

    def _check(self, voice: Voice, cast: Any) -> None:
        """Whether the model has every voice that is asked for, before anything is spoken."""
        from studio.engine.audio.speech_models.base import number_of

        for name in (str(self._values["voice"]), *cast):
            number_of(name, voice.names)

    def _speak(self, voice: Voice, said: list[Utterance], reading: Any, tape: Tape) -> None:
        from studio.engine.audio.speech_models.base import Manner
        from studio.engine.audio.stretch import raised

        pitch = float(self._values["pitch"])
        usual = str(self._values["voice"])
        total, done = sum(len(u.text) for u in said), 0
        unread = 0
        for number, utterance in enumerate(said):
            manner = Manner(
                float(self._values["speed"]),
                float(self._values["liveliness"]),
                (self._job.recipe.seed, number),
                pitch,
            )
            share, before = (done + len(utterance.text)) / total, tape.seconds
            self._way(number, len(said), done / total)
            try:
                for piece in voice.speak(utterance.text, utterance.voice or usual, reading, manner):
                    if not voice.pitched:
                        piece = raised(piece, voice.rate, pitch)
                    self._hear(tape.add(piece), tape, share)
            except ValueError as error:
                raise StudioError(
                    "The model lost the sound on the way: its numbers ran out of bounds.",
                    "Choose another model.",
                ) from error
            if tape.waiting:
                self._hear(tape.close(utterance.pause), tape, share)
            unread += tape.seconds == before
            done += len(utterance.text)
            if tape.seconds > LONGEST:
                raise StudioError(
                    f"The text takes longer than {LONGEST / 3600:.0f} hours to read.",
                    "Read it in parts.",
                )
        self._way(len(said), max(1, len(said)), 1.0)
        if tape.seconds == 0.0:
            raise StudioError(
                "There is nothing in the text that this voice can read.",
                f"It reads the language “{voice.language}”: write some words in it.",
            )
        if reading.unheard:
            voice.notes.add("This voice reads letters: pronunciations in phonemes were left out.")
        if unread:
            voice.notes.add(f"{unread} of {len(said)} sentences hold nothing that it can read.")

    def _way(self, number: int, count: int, share: float) -> None:
        self._say("speaking", number, max(1, count), LOADED + (SPOKEN - LOADED) * share)

    def _hear(self, samples: Samples, tape: Tape, share: float) -> None:
        """Let some of the sound be seen and heard; `share` of the text is spoken with it."""
        import numpy as np

        from studio.engine.audio.mixer import peaks

        if not len(samples):
            return
        if not self._level and samples.any():
            loud = np.abs(samples)[np.abs(samples) > 0.1 * np.abs(samples).max()]
            self._level = float(np.clip(_HEARD / np.sqrt(np.mean(loud**2)), 0.05, 20.0))
        heard = np.clip(samples * (self._level or 1.0), -1.0, 1.0)
        count = max(1, round(len(samples) / tape.rate * _PREVIEW_RATE))
        self._emit(
            AudioPreview(
                count * tape.rate / len(samples),
                peaks(heard[:, None], count, 0.6),
                tape.seconds / share,
                (heard * 32767.0).astype("<i2").tobytes(),
                tape.rate,
            )
        )

    def _save(self, tape: Tape, voice: Voice, said: list[Utterance]) -> None:
        from studio.engine.audio import waves
        from studio.engine.audio.mixer import PEAKS, peaks

        samples = tape.finish()
        record = Record(self._job.recipe, voice.provider, mark_ai=self._job.mark_ai)
        path: Path = self._job.folder / "speech.wav"
        write_atomic(path, embed(waves.to_wav(samples, voice.rate), ".wav", record))
        summary: dict[str, Any] = {
            "seconds": len(samples) / voice.rate,
            "peaks": list(peaks(samples, PEAKS, 32767.0)),
            "title": self._title or title(said[0].text) or "Speech",
        }
        if voice.notes:
            summary["note"] = " ".join(sorted(voice.notes))
        self._emit(Output((path,), self._job.recipe, summary))
        self._say("saving", 1, 1, 1.0)

    def _say(self, phase: Phase, step: int, total: int, fraction: float) -> None:
        self._last = Progress(phase, step, total, max(self._last.fraction, min(1.0, fraction)))
        self._emit(self._last)
