"""What `scrapy` does otherwise in this project than elsewhere."""
