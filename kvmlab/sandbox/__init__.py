"""A place to run what is not trusted: processes, files and a network of its own, and limits.

It consists of two user namespaces, one in the other. The outer one puts a root
file system together: programs and images that can only be read, one folder
that can be written, and nothing else of the machine. In the inner one, what is
not trusted runs as root, can start labs, and cannot undo what the outer one did
(mount_namespaces(7), "Restrictions on mount namespaces"). When the outermost
process ends, the kernel ends all others.
"""

from kvmlab.sandbox.limits import Limits
from kvmlab.sandbox.sandbox import Sandbox

__all__ = ["Limits", "Sandbox"]
