"""Every error that kvmlab raises.

::

    KvmlabError                 .hint
    ├── SpecError               also ValueError; before anything is touched
    ├── HostError
    │   ├── ExecutableNotFound  .name
    │   ├── NamespaceError
    │   ├── NetlinkError
    │   └── DaemonError         .name, .log_tail
    ├── LabError                no such lab, a lab that ended, a name in use
    ├── InUseError              .users; what others use is not taken away
    ├── LibvirtError            .code; from libvirt.libvirtError
    ├── ImageError
    ├── CommandError            .argv, .returncode, .stdout, .stderr
    ├── GuestError              .domain, .console_tail
    ├── MeasurementError        .output that could not be read
    ├── ExerciseError           unknown exercise, a lab that is not its own, work that is not right yet
    └── Timeout                 also TimeoutError; .after_s
        ├── CommandTimeout
        └── BootTimeout         .console_tail

A message says what happened and on which object; ``hint`` says what to do
next and is shown as a note under the traceback.
A lost packet or a guest command with status 1 under ``check=False`` is a
result, not an error.
"""

from collections.abc import Sequence


class KvmlabError(Exception):
    """Base of all errors of this package.

    Parameters
    ----------
    message
        What happened, on which object.
    hint
        What to do next; empty when there is nothing to add.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        if hint:
            self.add_note(f"Hint: {hint}")


class SpecError(KvmlabError, ValueError):
    """A description that cannot be built; raised before anything is touched."""


class HostError(KvmlabError):
    """The machine, its kernel or a daemon does not do what a lab needs."""


class ExecutableNotFound(HostError):
    """A program that kvmlab starts is not installed."""

    def __init__(self, name: str, *, hint: str = "") -> None:
        super().__init__(f"program {name!r} is not installed", hint=hint or "run `kvmlab doctor`")
        self.name = name


class NamespaceError(HostError):
    """The kernel refused to make or to enter a namespace."""


class NetlinkError(HostError):
    """The kernel refused a change of links, addresses or routes."""


class DaemonError(HostError):
    """A daemon of a lab did not start, or died."""

    def __init__(self, name: str, message: str, *, log_tail: str = "", hint: str = "") -> None:
        super().__init__(f"{name}: {message}" + (f"\n{log_tail}" if log_tail else ""), hint=hint)
        self.name = name
        self.log_tail = log_tail


class LabError(KvmlabError):
    """A lab is missing, has ended, or its name is in use."""


class InUseError(KvmlabError):
    """Something is not taken away because others use it; ``users`` are their names."""

    def __init__(self, message: str, *, users: Sequence[str] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.users = tuple(users)


class LibvirtError(KvmlabError):
    """Libvirt refused a call; ``code`` is libvirt's ``VIR_ERR_*`` number."""

    def __init__(self, message: str, *, code: int = 0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code


class ImageError(KvmlabError):
    """A guest image is missing, damaged, or could not be built."""


class CommandError(KvmlabError):
    """A command ended with a status other than 0."""

    def __init__(self, argv: Sequence[str], returncode: int, stdout: str, stderr: str) -> None:
        tail = (stderr or stdout).strip()[-2000:]
        super().__init__(f"{' '.join(argv)!r} ended with status {returncode}" + (f": {tail}" if tail else ""))
        self.argv = tuple(argv)
        self.returncode = returncode
        self.stdout = stdout
        self.stderr = stderr


class GuestError(KvmlabError):
    """A guest does not answer or is in the wrong state."""

    def __init__(self, domain: str, message: str, *, console_tail: str = "", hint: str = "") -> None:
        tail = f"\nits console ends with:\n{console_tail}" if console_tail else ""
        super().__init__(f"guest {domain!r}: {message}{tail}", hint=hint)
        self.domain = domain
        self.console_tail = console_tail


class MeasurementError(KvmlabError):
    """An instrument failed, or its output could not be read."""

    def __init__(self, message: str, *, output: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.output = output


class ExerciseError(KvmlabError):
    """An exercise is unknown, its lab is not as it should be, or a task is not done yet."""


class Timeout(KvmlabError, TimeoutError):
    """Something did not happen in time; ``after_s`` is the bound in seconds."""

    def __init__(self, message: str, *, after_s: float, hint: str = "") -> None:
        super().__init__(f"{message} (waited {after_s:g} s)", hint=hint)
        self.after_s = after_s


class CommandTimeout(Timeout):
    """A command was ended because it ran into its time limit."""


class BootTimeout(Timeout):
    """A guest did not answer in time after its start."""

    def __init__(self, message: str, *, after_s: float, console_tail: str = "", hint: str = "") -> None:
        tail = f"\nits console ends with:\n{console_tail}" if console_tail else ""
        super().__init__(message + tail, after_s=after_s, hint=hint)
        self.console_tail = console_tail
