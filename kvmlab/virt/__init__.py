"""libvirt words, no namespaces: all that this package needs is a URI."""
