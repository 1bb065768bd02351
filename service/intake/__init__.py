"""What comes in over HTTP: bytes become a frozen value at the door, or a problem answer."""
