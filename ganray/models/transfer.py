"""Weights of a network for another one of the same architecture that knows other attributes, values or titles.

Only four kinds of weights depend on the words: the tables of `Embeddings`, D's classifier, what G reads its condition with, and, between an
unconditional network and a conditioned one, the head of D. Of a table and of the classifier the rows of values that both vocabularies have
are copied, of G's first weights the columns of z and of attributes that both have. What the other network knows of an attribute is so kept,
whatever place it has in the label.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganray.models.condition import Classifier, Condition, Embeddings
from ganray.models.network import Generator

Attributes = dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Words:
    """What a network can be asked: attributes with their values, in the order of the label, and whether it reads titles."""

    attributes: Attributes
    titles: bool = False

    def rows(self, name: str) -> dict[str | None, int]:
        """The rows of an attribute's table; that of None is "unspecified", which models that read titles have."""
        values = self.attributes[name]
        rows: dict[str | None, int] = {value: row for row, value in enumerate(values)}
        return rows | ({None: len(values)} if self.titles else {})


def shared_values(old: Words, new: Words) -> Attributes:
    """The values that both have, of the attributes that both have, in the order of `new`."""
    return {
        name: tuple(value for value in values if value in old.attributes[name])
        for name, values in new.attributes.items()
        if name in old.attributes
    }


@torch.no_grad()
def copy_weights(old: nn.Module, new: nn.Module, words: tuple[Words, Words]) -> None:
    """Copy into `new`, in place, what it can take from `old`; the rest stays as it is. `words` are those of `old` and of `new`.

    Both are generators, or both discriminators, built from configurations that differ in titles at most.
    """
    sources, special = old.state_dict(), _special(new)
    for name, weight in new.state_dict().items():
        if name not in special and name in sources and sources[name].shape == weight.shape:
            weight.copy_(sources[name])
    modules = dict(old.named_modules())
    for name, module in new.named_modules():
        source = modules.get(name)
        if isinstance(module, Embeddings) and isinstance(source, Embeddings):
            _copy_tables(source, module, words)
        if isinstance(module, Classifier) and isinstance(source, Classifier):
            _copy_rows(source, module, words)
    if isinstance(old, Generator) and isinstance(new, Generator):
        _copy_inputs(old, new, words)


def _special(network: nn.Module) -> set[str]:
    """The names of weights that are not copied as they are."""
    tables = [(name, module) for name, module in network.named_modules() if isinstance(module, Embeddings | Classifier)]
    names = {f"{name}.{key}" for name, module in tables for key, _ in module.named_parameters()}
    return names | ({network.reads_condition[0]} if isinstance(network, Generator) else set())


def _copy_tables(old: Embeddings, new: Embeddings, words: tuple[Words, Words]) -> None:
    before, now = words
    _copy_rows(old, new, words)
    if before.titles and now.titles:
        sources, title = old[-1].state_dict(), new[-1].state_dict()
        for key, weight in title.items():
            if weight.shape == sources[key].shape:  # tables of one length have the same row for a piece
                weight.copy_(sources[key])


def _copy_rows(old: nn.ModuleList, new: nn.ModuleList, words: tuple[Words, Words]) -> None:
    """The rows of shared values, of lists with a layer for each attribute whose weights have a row for each value."""
    before, now = words
    places = {name: place for place, name in enumerate(before.attributes)}
    for place, name in enumerate(now.attributes):
        if name in places:
            rows, sources = before.rows(name), old[places[name]].state_dict()
            pairs = [(rows[value], row) for value, row in now.rows(name).items() if value in rows]
            for key, weight in new[place].state_dict().items():
                _copy(sources[key], weight, 0, pairs)


def _copy_inputs(old: Generator, new: Generator, words: tuple[Words, Words]) -> None:
    name, dim = new.reads_condition
    before, now = (_blocks(network, known) for network, known in zip((old, new), words, strict=True))
    pairs = [pair for block, places in now.items() if block in before for pair in zip(before[block], places, strict=True)]
    _copy(old.state_dict()[name], new.state_dict()[name], dim, pairs)


def _blocks(network: Generator, words: Words) -> dict[str, range]:
    """The places of z, of each attribute and of the title in G's condition."""
    (condition,) = (module for module in network.modules() if isinstance(module, Condition))
    names = [f"attribute {name}" for name in words.attributes] + ["title"] * words.titles
    return {"z": range(condition.z_dim)} | dict(zip(names, condition.places(), strict=True))


def _copy(old: Tensor, new: Tensor, dim: int, pairs: list[tuple[int, int]]) -> None:
    if pairs:
        sources, places = (torch.tensor(side, device=new.device) for side in zip(*pairs, strict=True))
        new.index_copy_(dim, places, old.to(new.device).index_select(dim, sources))
