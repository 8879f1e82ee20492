"""A cache of the test's own, and the small distribution to fill it from."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmlab.image import Image, build_image, find_image
from tests.image import small_distribution


@pytest.fixture(scope="session")
def small_sources() -> Iterator[str]:
    """The line of sources.list for a distribution of two small packages."""
    with tempfile.TemporaryDirectory(prefix="kvmlab-small-") as folder:
        yield small_distribution.make(Path(folder) / "debian")


@pytest.fixture(scope="session")
def large_sources() -> Iterator[str]:
    """The same with 30 MB more, which its packages' sizes do not tell."""
    with tempfile.TemporaryDirectory(prefix="kvmlab-large-") as folder:
        yield small_distribution.make(Path(folder) / "debian", ballast=bytes(30_000_000))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that only its owner can enter, as a home is on Debian."""
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("KVMLAB_CACHE_DIR", str(folder))
    return folder


@pytest.fixture(scope="session")
def built(small_sources: str, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """An image of the small distribution; to be looked at, not changed."""
    folder = tmp_path_factory.mktemp("built")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KVMLAB_CACHE_DIR", str(folder))
        return build_image(sources=[small_sources])


@pytest.fixture
def old(built: Image, cache: Path) -> Image:
    """The image that is in the cache already."""
    shutil.copytree(built.path, cache / "images" / built.name)
    return find_image()
