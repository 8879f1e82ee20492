"""What points out of a lab is not in the environment of what runs in it."""

import pytest

from kvmlab.host.environment import lab_environment


@pytest.mark.parametrize(
    "name",
    [
        "http_proxy",
        "HTTPS_PROXY",
        "no_proxy",
        "LIBVIRT_DEFAULT_URI",
        "VIRSH_DEFAULT_CONNECT_URI",
        "DBUS_SESSION_BUS_ADDRESS",
        "SSH_AUTH_SOCK",
        "XDG_RUNTIME_DIR",
        "DISPLAY",
        "NOTIFY_SOCKET",
        "LISTEN_FDS",
    ],
)
def test_it_is_left_out(name: str) -> None:
    assert lab_environment({name: "x"}) == {}


@pytest.mark.parametrize("name", ["PATH", "HOME", "LANG", "LC_ALL", "TERM", "PYTHONPATH", "XDG_CONFIG_HOME"])
def test_the_rest_stays(name: str) -> None:
    assert lab_environment({name: "x"}) == {name: "x"}


def test_by_default_it_is_this_processs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVMLAB_SAMPLE", "here")

    assert lab_environment()["KVMLAB_SAMPLE"] == "here"
