"""The rules that integration flows apply to one record at a time: paths, filters, mappings, transforms, lookups.

Documents are judged whole by `problems_of_…`, once, and compiled into rules that never meet a malformed document
again; whatever goes wrong with a record is a RecordError. Rules never change the records and answers they read.
"""
