"""What an exit status of a probe means; nothing that could not be tested counts as blocked."""

import pytest

from kvmlab._run import Completed, LocalRunner
from kvmlab.errors import CommandTimeout, DaemonError
from kvmlab.reach.probe import HOST_PORT, Answer, Probe, Reach, ask, judge, listening, read

ICMP, TCP = Probe("icmp", "192.0.2.1"), Probe("tcp", "192.0.2.1", 80)


@pytest.mark.parametrize(
    ("probe", "status", "said", "reach"),
    [
        (ICMP, 0, "2 received", Reach.REACHES),
        (ICMP, 1, "100% packet loss", Reach.BLOCKED),
        (ICMP, 2, "ping: connect: Network is unreachable", Reach.BLOCKED),
        (ICMP, 1, "From 192.168.1.10 Destination Host Unreachable", Reach.BLOCKED),
        (ICMP, 2, "ping: connect: Cannot assign requested address", Reach.BLOCKED),
        (ICMP, 1, "ping: bad address 'fe80::1%eth9'", Reach.UNTESTED),
        (ICMP, 2, "ping: usage error", Reach.UNTESTED),
        (ICMP, 127, "ping: not found", Reach.UNTESTED),
        (TCP, 0, "", Reach.REACHES),
        (TCP, 124, "", Reach.BLOCKED),
        (TCP, 1, "connect: Connection refused", Reach.BLOCKED),
        (TCP, 1, "nc: can't connect to remote host (192.0.2.1): Connection timed out", Reach.BLOCKED),
        (TCP, 1, "nc: timed out", Reach.BLOCKED),
        (TCP, 127, "bash: not found", Reach.UNTESTED),
    ],
)
def test_an_exit_status_is_one_of_three_outcomes(probe: Probe, status: int, said: str, reach: Reach) -> None:
    assert judge(probe, status, said) == Answer(reach, said)


def test_answers_come_in_the_order_of_the_questions() -> None:
    said = "1 124 \n0 0 2 received\n"

    assert [answer.reach for answer in read(said, [ICMP, TCP])] == [Reach.REACHES, Reach.BLOCKED]


def test_a_question_without_an_answer_could_not_be_tested() -> None:
    assert read("", [ICMP])[0].reach is Reach.UNTESTED


class Mute(LocalRunner):
    """A source that does not answer in time."""

    def run(self, *_words: object, **_options: object) -> Completed:
        raise CommandTimeout("'sh' did not end", after_s=1)


def test_a_source_that_does_not_answer_makes_no_path_blocked() -> None:
    answers = ask(Mute(), [ICMP, TCP])

    assert [answer.reach for answer in answers] == [Reach.UNTESTED, Reach.UNTESTED]


def test_a_target_without_an_address_could_not_be_tested() -> None:
    (answer,) = ask(LocalRunner(), [Probe("icmp", "")])

    assert answer == Answer(Reach.UNTESTED, "it has no address")


@pytest.mark.host
def test_this_machine_reaches_itself_and_finds_a_closed_port() -> None:
    answers = ask(LocalRunner(), [Probe("icmp", "127.0.0.1"), Probe("tcp", "127.0.0.1", 1)])

    assert [answer.reach for answer in answers] == [Reach.REACHES, Reach.BLOCKED]


@pytest.mark.host
def test_the_server_listens_on_both_families_and_outlives_many_callers_at_once() -> None:
    questions = [Probe("tcp", address, HOST_PORT) for address in ("127.0.0.1", "::1")] * 8
    with listening(LocalRunner()):
        answers = ask(LocalRunner(), questions)

    assert {answer.reach for answer in answers} == {Reach.REACHES}


@pytest.mark.host
def test_a_port_that_is_taken_is_an_error() -> None:
    with listening(LocalRunner()), pytest.raises(DaemonError, match=f"port {HOST_PORT}"):
        listening(LocalRunner()).__enter__()
