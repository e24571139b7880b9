"""The node types of flows: each of their handlers is loaded when its first step comes."""
