"""English as it is said: numbers, money, dates, times, units, abbreviations and signs in words.

Rules in their order, each a pattern and how it is said; what none of them knows stays as it is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from re import Match

from studio.engine.speech.numbers import digits, words

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_MONTH_OF = {m.lower(): m for m in _MONTHS} | {m[:3].lower(): m for m in _MONTHS}
_MONTH_OF["sept"] = "September"
_MONTH = r"(?P<month>" + "|".join(sorted(_MONTH_OF, key=len, reverse=True)) + r")\b\.?"
_DAYS = {
    "mon": "Monday", "tue": "Tuesday", "tues": "Tuesday", "wed": "Wednesday", "thu": "Thursday",
    "thur": "Thursday", "thurs": "Thursday", "fri": "Friday", "sat": "Saturday", "sun": "Sunday",
}  # fmt: skip

_CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "sen", "sen"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "USD": ("US dollar", "US dollars", "cent", "cents"),
    "EUR": ("euro", "euros", "cent", "cents"),
    "GBP": ("pound", "pounds", "penny", "pence"),
    "CHF": ("Swiss franc", "Swiss francs", "centime", "centimes"),
    "JPY": ("yen", "yen", "sen", "sen"),
}
_LARGE = {
    "thousand": "thousand", "million": "million", "billion": "billion", "trillion": "trillion",
    "k": "thousand", "m": "million", "mn": "million", "bn": "billion", "tn": "trillion",
}  # fmt: skip

_UNITS = {
    "km": ("kilometer", "kilometers"), "m": ("meter", "meters"),
    "cm": ("centimeter", "centimeters"), "mm": ("millimeter", "millimeters"),
    "kg": ("kilogram", "kilograms"), "g": ("gram", "grams"), "mg": ("milligram", "milligrams"),
    "lb": ("pound", "pounds"), "lbs": ("pound", "pounds"), "oz": ("ounce", "ounces"),
    "ft": ("foot", "feet"), "mi": ("mile", "miles"), "yd": ("yard", "yards"),
    "sq ft": ("square foot", "square feet"), "m²": ("square meter", "square meters"),
    "km²": ("square kilometer", "square kilometers"), "m³": ("cubic meter", "cubic meters"),
    "mph": ("mile per hour", "miles per hour"), "m/s": ("meter per second", "meters per second"),
    "km/h": ("kilometer per hour", "kilometers per hour"),
    "kph": ("kilometer per hour", "kilometers per hour"),
    "ml": ("milliliter", "milliliters"), "l": ("liter", "liters"), "L": ("liter", "liters"),
    "kB": ("kilobyte", "kilobytes"), "KB": ("kilobyte", "kilobytes"),
    "MB": ("megabyte", "megabytes"), "GB": ("gigabyte", "gigabytes"),
    "TB": ("terabyte", "terabytes"), "Hz": ("hertz", "hertz"), "kHz": ("kilohertz", "kilohertz"),
    "MHz": ("megahertz", "megahertz"), "GHz": ("gigahertz", "gigahertz"),
    "W": ("watt", "watts"), "kW": ("kilowatt", "kilowatts"), "V": ("volt", "volts"),
    "ms": ("millisecond", "milliseconds"), "sec": ("second", "seconds"),
    "secs": ("second", "seconds"), "min": ("minute", "minutes"), "mins": ("minute", "minutes"),
    "hr": ("hour", "hours"), "hrs": ("hour", "hours"), "h": ("hour", "hours"),
    "dB": ("decibel", "decibels"), "kcal": ("kilocalorie", "kilocalories"),
}  # fmt: skip

_ABBREVIATIONS = {
    "mr": "Mister", "mrs": "Missis", "ms": "Miz", "prof": "Professor", "rev": "Reverend",
    "gen": "General", "col": "Colonel", "capt": "Captain", "lt": "Lieutenant", "sgt": "Sergeant",
    "gov": "Governor", "sen": "Senator", "rep": "Representative", "pres": "President",
    "hon": "Honorable", "jr": "Junior", "sr": "Senior", "mt": "Mount", "ft": "Fort",
    "ave": "Avenue", "blvd": "Boulevard", "rd": "Road", "hwy": "Highway", "inc": "Incorporated",
    "ltd": "Limited", "co": "Company", "corp": "Corporation", "bros": "Brothers",
    "dept": "Department", "univ": "University", "govt": "government", "approx": "approximately",
    "est": "established", "etc": "et cetera", "vs": "versus", "misc": "miscellaneous",
    "cf": "compare", "viz": "namely", "ca": "circa", "tel": "telephone", "ext": "extension",
}  # fmt: skip
_BEFORE_NUMBERS = {
    "no": "number", "nos": "numbers", "p": "page", "pp": "pages", "fig": "figure",
    "figs": "figures", "vol": "volume", "ch": "chapter", "chap": "chapter", "sec": "section",
    "eq": "equation", "art": "article", "v": "version", "pt": "part",
}  # fmt: skip
_FRACTIONS = {2: ("half", "halves"), 4: ("quarter", "quarters")}
_SIGNS = {
    "&": " and ", "+": " plus ", "=": " equals ", "×": " times ", "÷": " divided by ",
    "@": " at ", "%": " percent ", "°": " degrees ", "<": " less than ", ">": " greater than ",
    "©": " copyright ", "#": " hash ", "/": " slash ", "±": " plus or minus ", "≈": " about ",
    "~": " about ", "€": " euros ", "£": " pounds ", "$": " dollars ",
}  # fmt: skip
_SILENT = dict.fromkeys(map(ord, "*_|^\\•™®§¶†‡·{}[]"), " ")
_NUMBER = r"(?P<number>-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)"
_ROMAN = r"(?P<roman>(?=[MDCLXVI])M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3}))\b"
_NUMBERED = (
    "Chapter|Part|Act|Scene|Volume|Book|War|Article|Section|Phase|Type|Stage|Class|Level|"
    "Appendix|Bowl|Episode|Title|Canto|Mark|Figure|Table|Apollo"
)

Rule = tuple[re.Pattern[str], Callable[[Match[str]], str]]


def normalize(text: str, *, day_first: bool = False) -> str:
    """A sentence as it is said, on one line. `day_first` reads 3/4/2024 as the third of April."""
    text = tidy(text)
    for pattern, say in _rules(day_first):
        text = pattern.sub(say, text)
    for sign, said in _SIGNS.items():
        text = text.replace(sign, said)
    text = text.translate(_SILENT)
    text = re.sub(r"\s+([,.;:!?…”)])", r"\1", text)
    return " ".join(text.split())


def tidy(text: str) -> str:
    """One way of writing for quotes, dashes, blanks and ellipses."""
    text = unicodedata.normalize("NFC", text)
    text = re.sub("[\u00ad\u200b-\u200f\u2060\ufeff\ufe0f]", "", text)
    text = text.translate({0x2018: "'", 0x2019: "'", 0x2BC: "'", 0x201E: "“", 0xAB: "“", 0xBB: "”"})
    text = re.sub(r"\.{3,}", "…", text)
    text = re.sub(r"\s*(?:--+|―)\s*", " — ", text)
    return " ".join(text.split())


def _value(written: str) -> int | float:
    plain = written.replace(",", "")
    return float(plain) if "." in plain else int(plain)


def _said(written: str) -> str:
    """A plain number, as a cardinal; digit by digit where it is a name rather than a number."""
    plain = written.replace(",", "")
    lead = plain.lstrip("-")
    if len(lead) > 15 or (len(lead) > 1 and lead[0] == "0" and "." not in lead):
        return digits(plain)
    if "." in lead:
        # Every digit after the point is said, zeros at the end as well.
        whole, _, after = lead.partition(".")
        minus = "minus " if plain.startswith("-") else ""
        return f"{minus}{words(int(whole))} point {digits(after)}"
    return words(int(plain))


def year(number: int) -> str:
    """A year: nineteen eighty-four, two thousand five, nineteen oh five."""
    if 1 <= number % 100 <= 9 and number // 1000 != 2 and 1000 < number < 2100:
        return f"{words(number // 100)} oh {words(number % 100)}"
    return words(number, manner="year")


def _year_or_number(match: Match[str]) -> str:
    written = match[0]
    if re.fullmatch(r"(?:1[1-9]|20)\d\d", written):
        return year(int(written))
    return _said(written)


def _ordinal(number: int) -> str:
    return words(number, manner="ordinal")


def _plural(word: str) -> str:
    return word[:-1] + "ies" if word.endswith("y") else word + "s"


def _spelled(written: str) -> str:
    """An address, sign by sign."""
    named = {".": "dot", "@": "at", "/": "slash", "_": "underscore", "-": "dash", "+": "plus",
             ":": "colon", "?": "question mark", "=": "equals", "&": "and", "#": "hash",
             "~": "tilde", "%": "percent"}  # fmt: skip
    text = re.sub(r"^https?://", "", written.rstrip("/"))
    text = re.sub(r"^www\b", "W W W", text)
    parts = re.findall(r"[A-Za-z ]+|\d+|[^\w\s]|_|\w", text)
    return " ".join(named.get(p, _said(p) if p.isdecimal() else p) for p in parts)


def _address(match: Match[str]) -> str:
    written = match[0]
    end = written[len(written.rstrip(".,;:!?")) :]
    return f" {_spelled(written[: len(written) - len(end)])}{end} "


def _date(month: str, day: int, year_: str | None) -> str:
    said = f"{_MONTH_OF[month.lower()]} {_ordinal(day)}"
    return f"{said}, {year(int(year_))}" if year_ else said


def _month_day(match: Match[str]) -> str:
    day = int(match["day"])
    if not 1 <= day <= 31:
        return match[0]
    return _date(match["month"], day, match["year"])


def _day_month(match: Match[str]) -> str:
    day = int(match["day"])
    if not 1 <= day <= 31:
        return match[0]
    said = f"the {_ordinal(day)} of {_MONTH_OF[match['month'].lower()]}"
    return f"{said}, {year(int(match['year']))}" if match["year"] else said


def _iso_date(match: Match[str]) -> str:
    number, day = int(match["month"]), int(match["day"])
    if not (1 <= number <= 12 and 1 <= day <= 31):
        return match[0]
    return _date(_MONTHS[number - 1], day, match["year"])


def _slash_date(day_first: bool) -> Callable[[Match[str]], str]:
    def say(match: Match[str]) -> str:
        first, second, written = int(match[1]), int(match[2]), match[3]
        month, day = (second, first) if day_first else (first, second)
        if month > 12 >= day:
            month, day = day, month
        if not (1 <= month <= 12 and 1 <= day <= 31):
            return match[0]
        if len(written) == 2:
            written = ("20" if int(written) < 50 else "19") + written
        return _date(_MONTHS[month - 1], day, written)

    return say


def _half(match: Match[str]) -> str:
    """The letters of a.m. and p.m.; the dot that ends a sentence stays."""
    found = match["half"]
    if not found:
        return ""
    last = match.end() >= len(match.string.rstrip())
    return f" {found[0].upper()} M{'.' if last and found.endswith('.') else ''}"


def _time(match: Match[str]) -> str:
    hour, minute = int(match["hour"]), int(match["minute"])
    if hour > 24 or minute > 59:
        return match[0]
    half = _half(match)
    if minute == 0:
        rest = "" if half else " o'clock" if 1 <= hour <= 12 else " hundred hours"
    elif minute < 10:
        rest = f" oh {words(minute)}"
    else:
        rest = f" {words(minute)}"
    seconds = match["second"]
    tail = f" and {words(int(seconds))} seconds" if seconds else ""
    return f"{words(hour)}{rest}{tail}{half}"


def _hour(match: Match[str]) -> str:
    return f"{words(int(match['hour']))}{_half(match)}" if int(match["hour"]) <= 24 else match[0]


def _money(match: Match[str]) -> str:
    one, many, small, smalls = _CURRENCIES[match["sign"]]
    written, large = match["number"].replace(",", ""), match["large"]
    if large:
        return f"{_said(written)} {_LARGE[large.lower()]} {many}"
    whole, _, cents = written.partition(".")
    if len(cents) != 2:
        return f"{_said(written)} {one if written == '1' else many}"
    parts = []
    if int(whole) or not int(cents):
        parts.append(f"{_said(whole)} {one if int(whole) == 1 else many}")
    if int(cents):
        parts.append(f"{words(int(cents))} {small if int(cents) == 1 else smalls}")
    return " and ".join(parts)


def _measure(match: Match[str]) -> str:
    one, many = _UNITS[match["unit"]]
    return f"{_said(match['number'])} {one if match['number'] == '1' else many}"


def _degrees(match: Match[str]) -> str:
    scale = {"C": " Celsius", "F": " Fahrenheit", None: ""}[match["scale"]]
    unit = "degree" if match["number"] in ("1", "-1") else "degrees"
    return f"{_said(match['number'])} {unit}{scale}"


def _decade(match: Match[str]) -> str:
    century, tens = match["century"], int(match["tens"])
    said = _plural(words(tens)) if tens else "hundreds"
    return f"{words(int(century))} {said}" if century else said


def _fraction(match: Match[str]) -> str:
    whole, top, bottom = match["whole"], int(match["top"]), int(match["bottom"])
    if bottom < 2 or top >= bottom:
        return match[0]
    one, many = _FRACTIONS.get(bottom, (_ordinal(bottom), _ordinal(bottom) + "s"))
    said = f"{words(top)} {one if top == 1 else many}"
    if whole and top == 1:
        said = f"a {one}"
    return f"{words(int(whole))} and {said}" if whole else said


def _vulgar(match: Match[str]) -> str:
    top, _, bottom = unicodedata.normalize("NFKC", match[2]).partition("\u2044")
    return f"{match[1]} {top}/{bottom}" if match[1] else f"{top}/{bottom}"


def _range(match: Match[str]) -> str:
    first, second = match[1], match[2]
    if len(first) == 4 and len(second) == 2:
        return f"{year(int(first))} to {words(int(second))}"
    return f"{first} to {second}"


def _phone(match: Match[str]) -> str:
    groups = re.findall(r"\d+", match[0])
    plus = "plus " if match[0].startswith("+") else ""
    return plus + ", ".join(digits(group) for group in groups)


def _roman(text: str) -> int:
    values = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
    numbers = [values[c] for c in text]
    following = [*numbers[1:], 0]
    return sum(-a if a < b else a for a, b in zip(numbers, following, strict=True))


def _abbreviation(match: Match[str]) -> str:
    word = match[1]
    said = _ABBREVIATIONS[word.lower()]
    return said + _full_stop(match)


def _full_stop(match: Match[str]) -> str:
    """The dot of an abbreviation is the sentence's own where nothing follows it."""
    return "." if not match.string[match.end() :].strip(" \"'”)") else ""


def _doctor(match: Match[str]) -> str:
    before, after = match.string[: match.start()].rstrip(), match.string[match.end() :].lstrip()
    drive = before[-1:].isalnum() and before.split()[-1][:1].isupper() and not after[:1].isupper()
    return ("Drive" if drive else "Doctor") + _full_stop(match)


def _saint(match: Match[str]) -> str:
    after = match.string[match.end() :].lstrip()
    return ("Saint" if after[:1].isupper() else "Street") + _full_stop(match)


def _letters(match: Match[str]) -> str:
    letters = " ".join(c.upper() for c in match[0] if c.isalpha())
    return letters + _full_stop(match)


def _compile(*rules: tuple[str, Callable[[Match[str]], str]]) -> tuple[Rule, ...]:
    return tuple((re.compile(pattern), say) for pattern, say in rules)


def _alternatives(names: dict[str, object]) -> str:
    return "|".join(re.escape(n) for n in sorted(names, key=len, reverse=True))


_SIGN = "(?P<sign>" + _alternatives(dict.fromkeys(_CURRENCIES)) + ")"
_HALF = r"(?P<half>[aApP]\.?\s?[mM]\b\.?)"
_BEFORE_DATES = _compile(
    (r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+", _address),
    (r"\b(?:https?://|www\.)\S+", _address),
    (r"\b[A-Za-z][\w-]*\.(?:com|org|net|edu|gov|io|info|co\.uk)\b(?:/[\w./-]*)?", _address),
    (r"\b(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)\b", _iso_date),
)
_AFTER_DATES = _compile(
    (rf"\b(?i:{_MONTH})\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?![:.]\d)"
     r"(?:,?\s+(?P<year>(?:1\d|20)\d\d)\b)?", _month_day),
    (rf"\b(?:the\s+)?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?-i:(?=[A-Z]))(?i:{_MONTH})"
     r"(?:,?\s+(?P<year>(?:1\d|20)\d\d)\b)?", _day_month),
    (rf"\b(?P<hour>\d{{1,2}}):(?P<minute>\d\d)(?::(?P<second>\d\d))?\b(?:\s*{_HALF})?", _time),
    (rf"\b(?P<hour>\d{{1,2}})\s*{_HALF}", _hour),
    (rf"{_SIGN}(\d[\d,]*)\s?[-–]\s?[$£€]?(\d[\d,]*)(?![\w.])",
     lambda m: f"{_said(m[2])} to {_said(m[3])} {_CURRENCIES[m['sign']][1]}"),
    (rf"(?:US|A|C)?{_SIGN}\s?(?P<number>(?:\d{{1,3}}(?:,\d{{3}})+|\d+)(?:\.\d+)?)"
     r"(?:\s?(?i:(?P<large>thousand|million|billion|trillion|mn|bn|tn|[km]))\b)?", _money),
    (rf"(?<![\w.])(?P<number>(?:\d{{1,3}}(?:,\d{{3}})+|\d+)(?:\.\d+)?)"
     rf"(?:\s(?i:(?P<large>thousand|million|billion|trillion))\b)?\s?{_SIGN}(?!\w)", _money),
    (r"(?<!\w)\+?(?:\d{1,3}[- ])?\(?\d{3}\)?[- ]\d{3}[- ]\d{4}\b|\b\d{3}-\d{4}\b", _phone),
    (rf"(?<![\w.]){_NUMBER}\s?°\s?(?P<scale>[CF])?\b", _degrees),
    (rf"(?<![\w.]){_NUMBER}°(?P<scale>(?!))?", _degrees),
    (rf"(?<![\w.]){_NUMBER}\s?(?P<unit>{_alternatives(dict.fromkeys(_UNITS))})(?![\w'])", _measure),
    (rf"(?<![\w.]){_NUMBER}\s?%", lambda m: f"{_said(m['number'])} percent"),
    (r"\b(\d+)(?:st|nd|rd|th)\b", lambda m: _ordinal(int(m[1]))),
    (r"(?:'|\b)(?P<century>1\d|20)?(?P<tens>\d0)'?s\b", _decade),
    (r"(\d)?([¼-¾⅐-⅞])", _vulgar),
    (r"(?<![\w/.])(?:(?P<whole>\d+)\s+)?(?P<top>\d{1,2})/(?P<bottom>\d{1,2})(?![\w/])", _fraction),
    (r"(?<![\w.,-])(\d[\d,]*(?:\.\d+)?)\s?[-–]\s?(\d[\d,]*(?:\.\d+)?)(?![\w-])", _range),
    (r"(?<![\w.])v?\d+(?:\.\d+){2,}\b",
     lambda m: " point ".join(_said(p) for p in m[0].lstrip("v").split("."))),
    (rf"\b(?i:({_alternatives(dict.fromkeys(_BEFORE_NUMBERS))}))\.\s?(?=\d)",
     lambda m: _BEFORE_NUMBERS[m[1].lower()] + " "),
    (r"#\s?(?=\d)", lambda m: "number "),
    (rf"\b((?i:{_NUMBERED}))\s+{_ROMAN}", lambda m: f"{m[1]} {words(_roman(m['roman']))}"),
    (rf"\b((?:King|Queen|Pope|Emperor|Prince|Louis|Henry|Charles|Edward|George|James|William|"
     rf"Richard|Elizabeth|John|Paul|Philip|Frederick|Catherine|Pius|Benedict|Napoleon)"
     rf"(?:\s[A-Z][a-z]+)?)\s+(?=[IVX]{{1,6}}\b)(?!I\s+[a-z]){_ROMAN}",
     lambda m: f"{m[1]} the {_ordinal(_roman(m['roman']))}"),
    (r"\be\.\s?g\.,?", lambda m: "for example,"),
    (r"\bi\.\s?e\.,?", lambda m: "that is,"),
    (r"\ba\.k\.a\.", lambda m: "also known as"),
    (r"\bDr\.(?=\s|$|[\"'”),])", _doctor),
    (r"\bSt\.(?=\s|$|[\"'”),])", _saint),
    (r"\bPh\.\s?D\.", _letters),
    (rf"\b((?i:{_alternatives(dict.fromkeys(_ABBREVIATIONS))}))\.(?=\s|$|[\"'”),;:])",
     _abbreviation),
    (r"\b(?i:(" + "|".join(_MONTH_OF) + r"))\.(?=\s)",
     lambda m: _MONTH_OF[m[1].lower()] if m[1][0].isupper() else m[0]),
    (r"\b(" + "|".join(d.capitalize() for d in _DAYS) + r")(?:\.(?=\s*[\d,A-Z])|(?=,\s*[A-Z\d]))",
     lambda m: _DAYS[m[1].lower()]),
    (r"\b(?:[A-Za-z]\.\s?){2,}(?<!\s)(?![a-z])", _letters),
    (r"\b([A-Z])\.(?=\s?[A-Z])", lambda m: m[1] + " "),
    (r"\bw/o\b", lambda m: "without"),
    (r"\bw/(?=\s)", lambda m: "with"),
    (r"(?<=\w)/(?=\w)", lambda m: " slash "),
    (r"(?<=[a-z])(?=[A-Z]{2})|(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])", lambda m: " "),
    (r"(?<!\d)-(?=\d)", lambda m: " minus "),
    (r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?", _year_or_number),
)  # fmt: skip
_SLASH = r"(?<![\w/])(\d{1,2})/(\d{1,2})/(\d{4}|\d\d)(?![\w/])"


def _rules(day_first: bool) -> tuple[Rule, ...]:
    return (*_BEFORE_DATES, (re.compile(_SLASH), _slash_date(day_first)), *_AFTER_DATES)
