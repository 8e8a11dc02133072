"""The verbs of the command line, one module for each kind of work; each loads what it needs when it runs."""
