"""The sandbox at a distance: `wire` is what goes there and comes back, `client` the caller's side, `server` the other.

The function that runs the code may do nothing but write its log; what a run asks of its host is kept in order there,
and done here when it has ended.
"""
