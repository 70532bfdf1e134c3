"""One trial's training: the loop, its step, its losses, and where it may stop and go on."""
