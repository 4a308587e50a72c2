"""Images, members and stores (Image API v2)."""
