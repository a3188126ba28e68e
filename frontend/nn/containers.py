"""Modules that hold modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tyc import functional as F
from tyc.dispatch import TensorLike
from tyc.nn.module import Module
from tyc.tensors import Tensor


class _List(Module):
    def __init__(self, modules: Iterable[Module] = ()) -> None:
        for module in modules:
            self.append(module)

    def append(self, module: Module) -> None:
        """Adds a module at the end."""
        setattr(self, str(len(self._modules)), module)

    def __getitem__(self, index: int) -> Any:
        return list(self._modules.values())[index]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self._modules.values()))


class Sequential(_List):
    """`y = last(...second(first(x)))`."""

    def __init__(self, *modules: Module) -> None:
        super().__init__(modules)

    def forward(self, x: Any) -> Any:
        """Each module on the result of the one before."""
        for module in self:
            x = module(x)
        return x


class ModuleList(_List):
    """A list of modules that are found as `0`, `1`, ...; calling it has no meaning."""


class ModuleDict(Module):
    """Modules by name; calling it has no meaning."""

    def __init__(self, modules: dict[str, Module] | None = None) -> None:
        for name, module in (modules or {}).items():
            setattr(self, name, module)

    def __getitem__(self, name: str) -> Any:
        return self._modules[name]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._modules))


class Identity(Module):
    """`y = x`."""

    def forward(self, x: Any) -> Any:
        """`x` itself."""
        return x


class Concat(Module):
    """A list of tensors one after another along `axis`."""

    def __init__(self, axis: int = 0) -> None:
        self.axis = axis

    def forward(self, parts: Sequence[TensorLike]) -> Tensor:
        """`concat(parts, axis)`."""
        return F.concat(parts, self.axis)

    def extra_repr(self) -> str:
        """The axis."""
        return f"axis={self.axis}"
