"""What a learner asks for: frozen descriptions that print libvirt's XML."""
