"""What happens to one conversation when agents hand it around, as stories, and again with everything failing."""
