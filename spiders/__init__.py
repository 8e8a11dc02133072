"""Scrapy spiders, importers and their hand-over to the tables."""
