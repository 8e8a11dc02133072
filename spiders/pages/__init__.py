"""Pure functions from a response body to records and next requests: one module for each site."""
