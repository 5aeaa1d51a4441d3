"""Many machines: the item stages on other machines than the night's, handed out through Celery (docs/scaling.md).

The night stays the one writer (docs/decisions/0003). A machine takes an item by its id, examines it in a view of its
own, and tells the catalogue; the night puts what was made in its place. Nobody needs a message to arrive once, or at
all: the table `work` says what is to be done, messages only wake those who do it.
"""
