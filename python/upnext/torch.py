"""Training examples for PyTorch: the features of upnext, equal to the byte to those that it serves with, as tensors.

    import torch, upnext.torch

    project.export_examples("examples.parquet")
    train = upnext.torch.dataset("examples.parquet", part="train", batch_size=512, shuffle=100_000)
    for batch in torch.utils.data.DataLoader(train, batch_size=None):
        batch["impression.item"], batch["query.watched_items"], batch["query.watched_items.offsets"], batch["label.click"]

`upnext.examples.Batches` says what a batch has.
"""
from __future__ import annotations

import os
from typing import Any, Dict, Iterator, Optional, Sequence, Union

import numpy as np
import torch
from torch.utils.data import IterableDataset, get_worker_info

from .examples import Batches


class ExampleDataset(IterableDataset):
    """Batches as dicts of tensors; give it to a `DataLoader` with `batch_size=None`, which may have workers.

    `sizes` has the numbers of rows of tables of embeddings, for example `torch.nn.EmbeddingBag(dataset.sizes["query.watched_items"], 32)`.
    """

    def __init__(self, batches: Batches) -> None:
        super().__init__()
        self.batches = batches

    @property
    def sizes(self) -> Dict[str, int]:
        return self.batches.sizes

    def __iter__(self) -> Iterator[Dict[str, Any]]:
        worker = get_worker_info()
        # Workers are made anew for each epoch, with seeds that follow each other from a number that is drawn for it.
        for batch in self.batches.shard(worker.id, worker.num_workers, worker.seed - worker.id) if worker else self.batches:
            yield {name: values if values.dtype == object else torch.from_numpy(np.ascontiguousarray(values))
                   for name, values in batch.items()}


def dataset(file: Union[str, os.PathLike], *, part: Optional[str] = None, batch_size: int = 1024,
            columns: Optional[Sequence[str]] = None, shuffle: int = 0, seed: int = 1) -> ExampleDataset:
    """The examples of a file of `Project.export_examples`; the arguments are those of `upnext.examples.Batches`."""
    return ExampleDataset(Batches(file, part=part, batch_size=batch_size, columns=columns, shuffle=shuffle, seed=seed))
