"""What goes wrong between here and a store, in words without secrets, and whether it may pass."""

from __future__ import annotations

import re

from stac_manager.network.backoff import may_pass, retry_after_seconds
from stac_manager.network.connection import CA_HINT
from stac_manager.network.retrying import Fault
from stac_manager.network.unreached import PROXY_DENIED

ABSENT = (403, 404, 410)
"""What is not there: 403 where one may not know what is."""
NO_RANGES = (206, 400, 405, 501)
"""Answers of servers without ranges that may have the document still; 206 where they do not say which range it is."""
HINT = "for public data set the storage option skip_signature to true, else give credentials, as obstore has them"
_REGION = "the bucket is in another region; name it as the storage option region"
_ODD_KEYS = "keys with an empty name, '.', '..' or control characters"
_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w{1,50})</Code>")
_KEY = re.compile(r'Path "(.{1,200}?)"')
_HEADER = re.compile(r"([A-Z][\w-]{1,30}) Header missing")
_MEANINGS = {
    401: "access denied (401)",
    403: "access denied (403)",
    404: "not found (404)",
    407: PROXY_DENIED,
    410: "gone (410)",
}
_CODES = {
    "AuthorizationHeaderMalformed": _REGION,
    "ExpiredToken": "the credentials have expired",
    "InvalidObjectState": "it is archived (Glacier); restore it first",
    "NoSuchBucket": "there is no such bucket",
    "PermanentRedirect": _REGION,
    "RequestTimeTooSkewed": "the clock of this machine is wrong",
    "UserProjectMissing": "requesters pay; name a project by x-goog-user-project in default_headers of client_options",
}
_WORDS = {
    "/latest/api/token": (f"no credentials were found, and obstore reads no profiles in ~/.aws; {HINT}", False),
    "169.254.169.254": (f"no credentials were found; {HINT}", False),
    "redential": (f"no credentials were found; {HINT}", False),
    "redirect without LOCATION": (f"the store answered 301: {_REGION}", False),
    "ProxyAuthRequired": ("the proxy answered 407", False),
    "InvalidCertificate": (f"no secure connection: the certificate of the store is not trusted{CA_HINT}", False),
    "parse path": (f"obstore cannot get {_ODD_KEYS}; name its https address", False),
    "panicked": ("obstore takes no such endpoint, account or bucket: no URL has a character in it", False),
    "timed out": ("the store did not answer in time", True),
    "TimedOut": ("the store did not answer in time", True),
    "error sending request": ("the store cannot be reached", True),
    "": ("the connection to the store failed", True),
}


class RemoteError(Fault):
    """A document cannot be had."""

    def __init__(
        self, reason: str, *, status: int = 0, passing: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(reason, "status", status=status, passing=passing, retry_after=retry_after)


def of_status(status: int, hint: str, retry_after: str | None = None, says: str | None = None) -> RemoteError:
    """Make the error for a status; `hint` names the options that may open what is closed where nothing `says` why."""
    words = _MEANINGS.get(status, f"the server answered {status}")
    if says is not None:
        words += f": {says}"
    elif status in (401, 403):
        words += f"; {hint}"
    return RemoteError(words, status=status, passing=may_pass(status), retry_after=retry_after_seconds(retry_after))


def of_obstore(text: str) -> RemoteError:
    """Tell from obstore's words what happened, without repeating them."""
    status, code, header = _STATUS.search(text), _CODE.search(text), _HEADER.search(text)
    if status and "169.254.169.254" not in text and "/latest/api/token" not in text:
        return of_status(int(status[1]), HINT, says=_CODES.get(code[1]) if code else None)
    if "invalid path" in text:
        key = _KEY.search(text)
        shown = f", such as {key[1]!r}" if key else ""
        return RemoteError(f"obstore cannot list {_ODD_KEYS}{shown}; name a prefix without them, or https addresses")
    if header:
        return RemoteError(f"the answer has no {header[1]}, which obstore needs; name its https address")
    if any(words in text for words in ("non-partial", "equested range", "Range")):
        return RemoteError("the store does not give that range", status=206)
    reason, passing = next(said for words, said in _WORDS.items() if words in text)
    return RemoteError(reason, passing=passing)
