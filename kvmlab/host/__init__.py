"""The sandboxed machine of a lab: kernel words, no libvirt."""
