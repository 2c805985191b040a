"""Data, from files to the batch.

``download`` fetches, checks and unpacks archives; a reader in ``datasets`` gives a ``dataset.Dataset``: images in
memory, photographs, or photographs with objects. ``noise`` and ``labels`` say which labels are trained on. ``order``
draws an epoch's order and ``shard`` a rank's part of a batch; ``in_memory``, ``photos`` or ``detection`` make the
images, and ``loaders`` chooses among them by what the data set is. What comes out is a ``batch.Batch``.
"""
