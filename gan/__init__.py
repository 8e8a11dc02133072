"""Training GANs on folders of pictures, usable without the rest of the pipeline."""
