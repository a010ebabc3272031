"""The actions: read, decide, write."""
