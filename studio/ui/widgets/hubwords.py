"""What is said of a model of the hub and of a download, in a few words for a person."""

from __future__ import annotations

from datetime import date

from PySide6.QtCore import QCoreApplication, QDate, QLocale

from studio.core.licences import licence
from studio.models.remote import Download, Fit, Found
from studio.ui.icons import Role
from studio.ui.widgets.chips import Chip
from studio.ui.widgets.itemwords import file_size, kind_name

translate = QCoreApplication.translate


def fit_words(fit: Fit) -> str:
    """Whether a model suits this machine, in two words; `Fit.sentence` says why."""
    return {
        "good": translate("Hub", "Runs well"),
        "slow": translate("Hub", "Slow here"),
        "tight": translate("Hub", "Tight fit"),
        "no": translate("Hub", "Too large"),
    }[fit.level]


def fit_role(fit: Fit) -> Role:
    """The colour of that."""
    roles: dict[str, Role] = {"good": "good", "slow": "warning", "tight": "warning", "no": "danger"}
    return roles[fit.level]


def fit_icon(fit: Fit) -> str:
    """An icon that says it too: not by colour alone."""
    return {"good": "zap", "slow": "turtle", "tight": "gauge", "no": "circle-x"}[fit.level]


def licence_chip(said: str) -> Chip:
    """Whether what one makes with it may be sold, in a word or two."""
    match licence(said).sell:
        case "yes":
            return Chip(translate("Hub", "Results may be sold"), "good", "scale")
        case "conditions":
            return Chip(translate("Hub", "Selling has conditions"), "muted", "scale")
        case "no":
            return Chip(translate("Hub", "Results not for sale"), "warning", "scale")
        case "ask":
            return Chip(translate("Hub", "Licence unclear"), "muted", "scale")


def task_words(found: Found) -> str:
    """What a model is for."""
    known = {
        "text-generation": translate("Hub", "Chat and writing"),
        "text2text-generation": translate("Hub", "Rewriting"),
        "translation": translate("Hub", "Translation"),
        "summarization": translate("Hub", "Summaries"),
        "fill-mask": translate("Hub", "Missing words"),
        "image-text-to-text": translate("Hub", "Talks about pictures"),
        "text-to-image": translate("Hub", "Text to picture"),
        "image-to-image": translate("Hub", "Picture to picture"),
        "unconditional-image-generation": translate("Hub", "Pictures"),
        "depth-estimation": translate("Hub", "Depth"),
        "image-segmentation": translate("Hub", "Cuts out backgrounds"),
        "background-removal": translate("Hub", "Cuts out backgrounds"),
        "super-resolution": translate("Hub", "Larger pictures"),
        "text-to-speech": translate("Hub", "Speech"),
        "text-to-audio": translate("Hub", "Music and sounds"),
        "text-to-music": translate("Hub", "Music"),
        "automatic-speech-recognition": translate("Hub", "Writes down speech"),
    }
    if found.task in known:
        return known[found.task]
    return kind_name(found.kind) if found.kind is not None else found.task.replace("-", " ")


def count_words(count: int) -> str:
    """A large number in short: 812, 4.2 k, 1.3 M."""
    locale = QLocale()
    if count < 1_000:
        return locale.toString(count)
    if count < 1_000_000:
        value, unit = count / 1e3, "k"
    else:
        value, unit = count / 1e6, "M"
    return f"{locale.toString(value, 'f', 0 if value >= 100 else 1)} {unit}"


def date_words(day: str) -> str:
    """A date of the hub (ISO) as the language writes it; empty where it is none."""
    try:
        found = date.fromisoformat(day[:10])
    except ValueError:
        return ""
    shown = QDate(found.year, found.month, found.day)
    return QLocale().toString(shown, QLocale.FormatType.ShortFormat)


def speed_words(speed: float) -> str:
    """Bytes a second."""
    return translate("Hub", "{size}/s").format(size=file_size(round(speed)))


def left_words(seconds: float | None) -> str:
    """How long a download will still take; nothing where that is not known."""
    if seconds is None or seconds > 99 * 3600:
        return ""
    if seconds < 2:
        return translate("Hub", "almost done")
    if seconds < 90:
        return translate("Hub", "{n} s left").format(n=round(seconds))
    if seconds < 90 * 60:
        return translate("Hub", "{n} min left").format(n=round(seconds / 60))
    hours, minutes = divmod(round(seconds / 60), 60)
    return translate("Hub", "{hours} h {minutes} min left").format(hours=hours, minutes=minutes)


def amount_words(download: Download) -> str:
    """How much of it is there."""
    if not download.total:
        return ""
    if download.state == "done":
        return file_size(download.total)
    return translate("Hub", "{done} of {total}").format(
        done=file_size(download.done), total=file_size(download.total)
    )


def title_words(download: Download) -> str:
    """What is downloaded, with its variant."""
    return " · ".join(part for part in (download.title, download.variant) if part)


def state_words(download: Download) -> str:
    """How a download stands, in one line."""
    amount = amount_words(download)
    match download.state:
        case "waiting":
            parts = [download.message or translate("Hub", "Waiting"), amount]
        case "starting":
            parts = [download.message or translate("Hub", "Starting"), amount]
        case "running":
            speed = speed_words(download.speed) if download.speed > 0 else download.message
            parts = [amount, speed, left_words(download.seconds_left)]
        case "verifying":
            parts = [translate("Hub", "Checking every byte"), amount]
        case "paused":
            parts = [translate("Hub", "Paused"), amount]
        case "done":
            parts = [translate("Hub", "Installed"), amount]
        case "failed":
            parts = [download.message or translate("Hub", "It did not work")]
        case "cancelled":
            parts = [translate("Hub", "Cancelled")]
    return " · ".join(part for part in parts if part)
