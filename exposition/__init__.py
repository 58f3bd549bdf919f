"""What readers see: the doors to the published releases. The warehouse is never read here."""
