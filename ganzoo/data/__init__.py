"""Datasets by name, turned into packed uint8 arrays; importing this imports neither torch nor numpy.

Training calls ``ganzoo.data.prepare.open_dataset`` and gets a ``ganzoo.data.packed.PackedDataset``.
"""
