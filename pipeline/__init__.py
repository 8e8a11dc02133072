"""Wunderkammer: from pictures on the web to thematic folders and a trained GAN for each."""
