"""What a lab's state says about its network: guests, libvirt and kernel, read from outside.

Everything here is read anew from where it is: libvirt, netlink, nftables, the
guest agent. Nothing is changed, and nothing that a notebook holds is believed.
"""
