"""kill -9 in the middle of a download of 50 files, a few times; `downloading` does it 200 times."""

from __future__ import annotations

from pathlib import Path

from tests.kills.downloading import kill_downloads


def test_a_killed_download_goes_on_where_it_was(tmp_path: Path) -> None:
    sizes = [20_000 + 40_000 * (n % 10) + (4_000_000 if n == 7 else 0) for n in range(50)]
    figures = kill_downloads(tmp_path, kills=5, sizes=sizes, rate=2_000_000, longest=1.5, seed=3)
    assert figures.in_work >= 2, figures
    assert figures.beyond <= figures.size // 100, figures
