"""TCP ports that something listens on."""

from kvmlab.measure.ports import listening_ports

#: Output of `ss -ltnH` of iproute2 6.1.0.
SS = """\
LISTEN 0      4096               *:5201             *:*
LISTEN 0      128          0.0.0.0:22         0.0.0.0:*
LISTEN 0      5      127.0.0.1%lo:8080        0.0.0.0:*
LISTEN 0      511             [::]:80            [::]:*
"""


def test_listening_ports_are_read() -> None:
    assert listening_ports(SS) == {22, 80, 5201, 8080}


def test_nothing_listens_without_lines() -> None:
    assert listening_ports("") == frozenset()
