"""A hub on the loopback to test the model manager against: see `Hub`."""

from tests.hub.content import Bytes, Content, Disk, Noise
from tests.hub.control import HubProcess
from tests.hub.faults import Fault
from tests.hub.hub import Hub, User
from tests.hub.log import Seen
from tests.hub.repos import Blob, Commit, Repo

__all__ = [
    "Blob",
    "Bytes",
    "Commit",
    "Content",
    "Disk",
    "Fault",
    "Hub",
    "HubProcess",
    "Noise",
    "Repo",
    "Seen",
    "User",
]
