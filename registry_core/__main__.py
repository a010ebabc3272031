"""``python -m registry_core`` is the console command ``model-registry``."""

from .cli import main

main()
