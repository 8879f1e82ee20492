"""Learn KVM networking by building it."""
