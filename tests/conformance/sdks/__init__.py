"""Unmodified vendor SDKs, one module each, and the program that runs one of them in a process of its own."""
