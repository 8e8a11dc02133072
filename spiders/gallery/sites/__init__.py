"""One module for each site that the gallery imitates."""
