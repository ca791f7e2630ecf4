"""From JSON text to Items, whole or the members that are asked for, and back; what is no Item, and why. No I/O."""
