"""Clean roots to try packages in: a Debian that has neither Python nor compilers nor a network.

Every command runs in namespaces of its own (mounts, network: namespaces(7)), so that nothing that
is mounted or opened there stays. It needs root, debootstrap and a mirror of Debian.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SUITE = "bookworm"
MAKER = 1000
"""The number of the ordinary user."""
_CACHE = "var/cache/apt/archives"
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")

_ENTER = """
set -e
mount --make-rprivate /
mount -t proc proc "$ROOM/proc"
mount -t tmpfs -o mode=755 dev "$ROOM/dev"
for device in {devices}; do
    touch "$ROOM/dev/$device"; mount --bind "/dev/$device" "$ROOM/dev/$device"
done
mkdir "$ROOM/dev/shm"; mount -t tmpfs -o mode=1777 shm "$ROOM/dev/shm"
ln -s /proc/self/fd "$ROOM/dev/fd"
mkdir -p "$ROOM/tmp/.X11-unix"; mount --bind /tmp/.X11-unix "$ROOM/tmp/.X11-unix"
{more}
ip link set lo up 2>/dev/null || true
exec chroot {who} "$ROOM" env -i {environment} {command}
"""


@dataclass(frozen=True)
class Room:
    """One root, and the home of the ordinary user who works in it."""

    root: Path
    home: str = "/home/maker"
    display: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)
    """Further variables of the environment."""

    @property
    def outside(self) -> Path:
        """The home as it is reached from here."""
        return self.root / self.home.removeprefix("/")

    def furnish(self) -> None:
        """Make the home and what a log-in would make."""
        for place in (self.home, f"/run/user/{MAKER}"):
            path = self.root / place.removeprefix("/")
            path.mkdir(parents=True, exist_ok=True)
            os.chown(path, MAKER, MAKER)
            path.chmod(0o700)

    def argv(
        self,
        command: Sequence[str],
        *,
        maker: bool = True,
        network: bool = False,
        mounts: str = "",
    ) -> list[str]:
        """What runs a command in the room, in place of the process that starts it.

        `maker`: as the ordinary user, not root. `mounts`: shell lines that mount more, for which
        ROOM is the root.
        """
        home = self.home if maker else "/root"
        environment = {
            "HOME": home,
            "PATH": "/usr/local/bin:/usr/bin:/bin" + ("" if maker else ":/usr/sbin:/sbin"),
            "LANG": "C.UTF-8",
            "USER": "maker" if maker else "root",
            "DEBIAN_FRONTEND": "noninteractive",
            **({"DISPLAY": self.display, "XDG_RUNTIME_DIR": f"/run/user/{MAKER}"} if maker else {}),
            **self.extra,
        }
        script = _ENTER.format(
            devices=" ".join(_DEVICES),
            more=mounts,
            who=f"--userspec={MAKER}:{MAKER}" if maker else "",
            environment=" ".join(shlex.quote(f"{k}={v}") for k, v in environment.items()),
            command=shlex.join(command),
        )
        apart = ["unshare", "--mount", *([] if network else ["--net"])]
        return ["env", f"ROOM={self.root}", *apart, "sh", "-c", script]

    def run(
        self,
        *command: str,
        maker: bool = False,
        network: bool = False,
        mounts: str = "",
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end. Raises AssertionError with its words where it fails."""
        done = subprocess.run(
            self.argv(command, maker=maker, network=network, mounts=mounts),
            capture_output=True,
            text=True,
            check=False,
        )
        said = (
            f"{shlex.join(command)}: {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        )
        assert not check or done.returncode == 0, said
        return done


def base(store: Path) -> Path:
    """The root that rooms are copied from, made once."""
    root = store / f"base-{SUITE}"
    if not (root / "made").is_file():
        shutil.rmtree(root, ignore_errors=True)
        subprocess.run(["debootstrap", "--variant=minbase", SUITE, str(root)], check=True)
        Room(root).run("apt-get", "update", network=True)
        (root / "made").touch()
    for tool in ("python3", "gcc", "cc", "tcc", "clang"):
        assert not (root / "usr" / "bin" / tool).exists(), f"{tool} is in the clean root"
    return root


def fetch(root: Path, names: Sequence[str]) -> None:
    """Have packages of Debian in a root's cache, with what they want, without installing them."""
    options = ("-y", "--download-only", "--no-install-recommends")
    Room(root).run("apt-get", "install", *options, *names, network=True)


def copy(root: Path, target: Path, home: str = "/home/maker", display: str = "") -> Room:
    """A room of one's own."""
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run(["cp", "-a", str(root), str(target)], check=True)
    room = Room(target, home, display)
    room.furnish()
    return room


def install(room: Room, package: Path) -> None:
    """Install or upgrade a package from a folder in the room, without any network."""
    folder = room.root / "packages"
    folder.mkdir(exist_ok=True)
    inside = folder / package.name
    if not inside.exists():
        os.link(package, inside) if _same_disk(package, folder) else shutil.copy(package, inside)
    room.run(
        "apt-get",
        "install",
        "-y",
        "--no-install-recommends",
        "--allow-downgrades",
        f"/packages/{package.name}",
    )
    inside.unlink()


def _same_disk(one: Path, other: Path) -> bool:
    return one.stat().st_dev == other.stat().st_dev
