"""Pages for people: one set of templates, written to disk by `pipeline report`."""
