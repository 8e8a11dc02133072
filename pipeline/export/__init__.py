"""Exports: the thematic folders of an edition in the layouts that other trainers read, with credits."""
