"""What a person is told when the network or a server refuses: one wording for each case.

No text of a server and no address goes into it: both may carry what is secret, as a signed link.
"""

from __future__ import annotations

import email.utils
import socket
import ssl
import time
from collections.abc import Iterator, Mapping

from studio.core.errors import StudioError

OFFLINE = (
    "Triptych is set to stay off the network.",
    "Turn off “Stay offline” in Settings to search for and download models.",
)
OFFLINE_BY_ENVIRONMENT = (
    "The environment says to stay off the network (HF_HUB_OFFLINE).",
    "Unset HF_HUB_OFFLINE and start again to search for and download models.",
)
WAIT_LIMIT = 24 * 3600.0


class RefusedError(OSError):
    """A server's answer that is none of success, with what it says about it."""

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(f"HTTP status {status}")
        self.status = status
        self.code = headers.get("X-Error-Code") or ""
        """As the hub names it: GatedRepo, RepoNotFound, RevisionNotFound, EntryNotFound."""
        self.retry_after = wait_of(headers)

    def __reduce__(self) -> tuple[type[RefusedError], tuple[int, dict[str, str]]]:
        said = {"X-Error-Code": self.code}
        if self.retry_after is not None:
            said["Retry-After"] = str(int(self.retry_after))
        return type(self), (self.status, said)


def wait_of(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to be left alone (Retry-After, RFC 9110), at most a day."""
    said = (headers.get("Retry-After") or "").strip()
    if said.isascii() and said.isdigit():
        return min(float(said[:9]), WAIT_LIMIT)
    try:
        when = email.utils.parsedate_to_datetime(said).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(0.0, when - time.time()), WAIT_LIMIT)


def explain(error: BaseException, server: str) -> StudioError:
    """One sentence and one piece of advice for any error of the network; `server` is its host."""
    for one in chain(error):
        if isinstance(one, StudioError):
            return one
        known = _of_answer(one, server)
        if known is not None:
            return known
    found = tuple(chain(error))
    for words in (_of_tls, _of_proxy, _of_name, _of_time, _of_library):
        for one in found:
            known = words(one, server)
            if known is not None:
                return known
    return StudioError(
        f"The connection to {server} broke off.",
        "Check the network and try again; what was fetched is kept.",
    )


def of_status(status: int, code: str, wait: float | None, server: str) -> StudioError:
    """What is told of an answer by its status and the hub's own code for it."""
    if code == "GatedRepo":
        return StudioError(
            "This model is given out only to those who have accepted its terms.",
            "Accept them on the model's page on the hub, then sign in here with a token.",
        )
    if code == "RevisionNotFound":
        return StudioError(
            "The hub has no such revision of this model.",
            "Leave the revision out to get the newest one.",
        )
    if code == "EntryNotFound":
        return StudioError(
            "A file of this model is no longer on the hub.",
            "Look at the model again: it may have changed meanwhile.",
        )
    # The hub says 401 of what does not exist, so that nobody learns what is private.
    if code == "RepoNotFound" or status == 404:
        return StudioError(
            "There is no such model on the hub, or it is private.",
            "Check how it is written (owner/name); for a private one, sign in with a token.",
        )
    if status == 401:
        return StudioError(
            f"{server} does not accept the token.",
            "Sign in again in Settings with a token that is valid, or sign out.",
        )
    if status == 403:
        return StudioError(
            f"{server} does not allow this.",
            "The model may need terms to be accepted on its page, or a token with more rights.",
        )
    if status == 407:
        return StudioError(
            "The proxy asks for a name and a password.",
            "Put them into the proxy's address in the system's settings.",
        )
    if status == 416:
        return StudioError(
            "The server holds less of a file than was fetched already: it has changed.",
            "Try again; the file starts anew.",
        )
    if status == 429:
        return StudioError(f"{server} has had too many requests from here.", _later(wait))
    if status >= 500:
        return StudioError(f"{server} has trouble of its own at the moment.", _later(wait))
    return StudioError(
        f"{server} gave an answer that makes no sense here ({status}).",
        "Try again later; with a mirror, check its address in Settings.",
    )


def _later(wait: float | None) -> str:
    if wait is None or wait < 1:
        return "Try again in a few minutes."
    if wait < 90:
        return f"Try again in {wait:.0f} seconds."
    return f"Try again in {wait / 60:.0f} minutes."


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it came from, the nearest first, each once."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            # urllib3 keeps what happened as `reason` or among its arguments.
            waiting += [getattr(one, "reason", None), *one.args, one.__cause__, one.__context__]


def _of_answer(error: BaseException, server: str) -> StudioError | None:
    if isinstance(error, RefusedError):
        return of_status(error.status, error.code, error.retry_after, server)
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if isinstance(status, int) and status >= 400:
        refused = RefusedError(status, response.headers)  # type: ignore[union-attr]
        return of_status(status, refused.code, refused.retry_after, server)
    return None


def _of_tls(error: BaseException, server: str) -> StudioError | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return StudioError(
            f"The certificate of {server} could not be verified, so nothing was sent.",
            "Check date and time of this computer; in a company, its certificate has to be "
            "among the system's.",
        )
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        return StudioError(
            f"No protected connection to {server} could be made.",
            "Check the network, a proxy, or programs that look into connections.",
        )
    return None


def _of_proxy(error: BaseException, server: str) -> StudioError | None:
    if type(error).__name__ == "ProxyError":
        return StudioError(
            f"The proxy does not let through to {server}.",
            "Check the proxy in the system's settings, or https_proxy.",
        )
    return None


def _of_name(error: BaseException, server: str) -> StudioError | None:
    # huggingface_hub's client passes the system's error on by its text alone.
    text = str(error) if type(error).__name__ == "ConnectError" else ""
    if isinstance(error, socket.gaierror) or "[Errno -" in text or "getaddrinfo" in text:
        return StudioError(
            f"{server} could not be found.",
            "Check that this computer is connected to the network.",
        )
    unreachable = isinstance(error, ConnectionRefusedError) or type(error).__name__ in (
        "ConnectError",
        "NewConnectionError",
    )
    if unreachable:
        return StudioError(
            f"{server} cannot be reached.",
            "Check the network and the server's address in Settings, then try again.",
        )
    return None


def _of_time(error: BaseException, server: str) -> StudioError | None:
    timed = ("ConnectTimeoutError", "ReadTimeoutError", "PoolTimeout", "ReadTimeout")
    if isinstance(error, TimeoutError) or type(error).__name__ in (*timed, "ConnectTimeout"):
        return StudioError(
            f"{server} does not answer.",
            "Try again in a few minutes; what was fetched is kept.",
        )
    return None


def _of_library(error: BaseException, server: str) -> StudioError | None:
    """What huggingface_hub says before it asks anybody."""
    name = type(error).__name__
    if name in ("HFValidationError", "HfUriError"):
        return StudioError(
            "This is no name of a model on the hub.",
            "It is written as owner/name, as in HuggingFaceTB/SmolLM2-135M-Instruct.",
        )
    if name == "OfflineModeIsEnabled":
        return StudioError(*OFFLINE)
    if name in ("TooManyRedirects", "JSONDecodeError", "DecodingError", "UnicodeDecodeError"):
        return StudioError(
            f"{server} gave an answer that makes no sense here.",
            "Try again later; with a mirror, check its address in Settings.",
        )
    return None
