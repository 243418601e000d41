"""What an item is called on screen: its title, its caption, its length."""

from __future__ import annotations

from datetime import datetime, timedelta

from PySide6.QtCore import QCoreApplication, QDate, QLocale, QTime

from studio.library import Item

translate = QCoreApplication.translate


def kind_name(kind: str) -> str:
    """What a kind is called on screen."""
    return {
        "text": translate("Items", "Text"),
        "image": translate("Items", "Picture"),
        "audio": translate("Items", "Sound"),
    }.get(kind, kind)


def provider_name(provider: str) -> str:
    """What an ONNX Runtime execution provider is called by people."""
    short = provider.removesuffix("ExecutionProvider")
    return {
        "CPU": translate("Items", "Processor"),
        "CUDA": translate("Items", "Graphics card (CUDA)"),
        "Tensorrt": translate("Items", "Graphics card (TensorRT)"),
        "Dml": translate("Items", "Graphics card (DirectML)"),
        "CoreML": translate("Items", "Core ML"),
    }.get(short, short)


def title(item: Item) -> str:
    """One line that tells the item from others."""
    plain = item.title
    if item.summary.get("title") or any(item.recipe.values.get(n) for n in ("prompt", "words")):
        return plain
    excerpt = " ".join(str(item.summary.get("excerpt") or "").split())
    return excerpt[:200] or kind_name(item.kind)


def caption(item: Item) -> str:
    """When it was made, and how large it is."""
    return " · ".join(part for part in (when(item.created), length(item)) if part)


def length(item: Item) -> str:
    """How much of it there is: words, pixels or minutes and seconds."""
    summary = item.summary
    if item.kind == "text" and (words := _whole(summary.get("words"))):
        number = QLocale().toString(words)
        return translate("Items", "{count} words").format(count=number)
    if item.kind == "image":
        width, height = _whole(summary.get("width")), _whole(summary.get("height"))
        return f"{width} × {height}" if width and height else ""
    if item.kind == "audio":
        return clock(_number(summary.get("seconds")))
    return ""


def clock(seconds: float) -> str:
    """Minutes and seconds, as players write them."""
    whole = max(0, round(seconds))
    return f"{whole // 60}:{whole % 60:02}" if seconds > 0 else ""


def when(created: float, now: datetime | None = None) -> str:
    """The day in words where it is near, else the date as the language writes it.

    `created` in seconds since the epoch.
    """
    now = now or datetime.now().astimezone()
    made = datetime.fromtimestamp(created).astimezone()
    locale = QLocale()
    time = locale.toString(QTime(made.hour, made.minute), QLocale.FormatType.ShortFormat)
    if made.date() == now.date():
        return translate("Items", "Today, {time}").format(time=time)
    if made.date() == (now - timedelta(days=1)).date():
        return translate("Items", "Yesterday, {time}").format(time=time)
    return locale.toString(QDate(made.year, made.month, made.day), QLocale.FormatType.ShortFormat)


def full_date(created: float) -> str:
    """Date and time in full, for the table of an item."""
    made = datetime.fromtimestamp(created).astimezone()
    locale = QLocale()
    day = locale.toString(QDate(made.year, made.month, made.day), QLocale.FormatType.LongFormat)
    time = locale.toString(QTime(made.hour, made.minute), QLocale.FormatType.ShortFormat)
    return f"{day}, {time}"


def file_size(count: int) -> str:
    """Bytes for a person."""
    return QLocale().formattedDataSize(count, 1, QLocale.DataSizeFormat.DataSizeTraditionalFormat)


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and value > 0 else 0.0
