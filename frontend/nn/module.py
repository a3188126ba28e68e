"""`Module`: a callable that owns parameters, buffers and other modules, under PyTorch's names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tyc.frames import error
from tyc.state import STATE
from tyc.tensors import DTypeLike, Parameter, Tensor, element_type, tensor

if TYPE_CHECKING:
    from typing_extensions import Self


class Module:
    """Base of all layers and models. A subclass makes its parts in `__init__` and has `forward`.

        class Net(nn.Module):
            def __init__(self):
                self.fc = nn.Linear(4, 2)

            def forward(self, x):
                return F.relu(self.fc(x))

    Parameters (`Parameter`), buffers (`register_buffer`) and modules among the attributes are found
    by their names: `fc.weight`. `super().__init__()` need not be called.
    """

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    forward: Callable[..., Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Prepares the tables, so that attributes can be set in any order."""
        self = super().__new__(cls)
        own: dict[str, Any] = {"training": True, "_parameters": {}, "_buffers": {}, "_modules": {}}
        self.__dict__.update(own)
        return self

    def __init__(self) -> None:
        pass

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Runs `forward`."""
        if STATE.recorder is None:
            return self.forward(*args, **kwargs)
        with STATE.recorder.inside(self):
            return self.forward(*args, **kwargs)

    def __setattr__(self, name: str, value: Any) -> None:
        tables = self.__dict__
        if STATE.recorder is not None:
            STATE.recorder.check_attribute(self, name, value)
        if name in tables["_buffers"] and not isinstance(value, (Parameter, Module)):
            self._set_buffer(name, value)
            return
        kinds = (("_parameters", Parameter), ("_modules", Module))
        chosen = next((t for t, kind in kinds if isinstance(value, kind)), None)
        if chosen is None and value is None:
            chosen = next((t for t, _ in kinds if name in tables[t]), None)
        if chosen is None:
            object.__setattr__(self, name, value)
            return
        for table in ("_parameters", "_buffers", "_modules"):
            if table != chosen:
                tables[table].pop(name, None)
        tables.pop(name, None)
        tables[chosen][name] = value

    def __getattr__(self, name: str) -> Any:
        for table in ("_parameters", "_buffers", "_modules"):
            found = self.__dict__.get(table, {})
            if name in found:
                if table == "_buffers":
                    self._touch_buffer(name)
                return found[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __delattr__(self, name: str) -> None:
        for table in ("_parameters", "_buffers", "_modules"):
            if name in self.__dict__[table]:
                del self.__dict__[table][name]
                return
        object.__delattr__(self, name)

    def register_buffer(self, name: str, value: Any) -> None:
        """A tensor that is saved with the module but not trained."""
        self._buffers[name] = None
        self._set_buffer(name, value)

    def register_parameter(self, name: str, value: Parameter | None) -> None:
        """A parameter, or None for one that this module does without."""
        self._parameters[name] = value

    def _set_buffer(self, name: str, value: Any) -> None:
        wrapped = value if value is None or isinstance(value, Tensor) else tensor(value)
        self._touch_buffer(name)
        self._buffers[name] = wrapped

    def _touch_buffer(self, name: str) -> None:
        """Tells a trace of a buffer that is read or changed."""
        if STATE.recorder is not None:
            entries = self._buffers
            STATE.recorder.touch(
                (id(self), name),
                name,
                lambda: entries[name],
                lambda value: entries.__setitem__(name, value),
            )

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and all below it, once each, by path."""
        yield from self._walk(prefix, set())

    def _walk(self, prefix: str, seen: set[int]) -> Iterator[tuple[str, Module]]:
        if id(self) in seen:
            return
        seen.add(id(self))
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module._walk(f"{prefix}.{name}" if prefix else name, seen)

    def modules(self) -> Iterator[Module]:
        """This module and all below it, once each."""
        return (m for _, m in self.named_modules())

    def children(self) -> Iterator[Module]:
        """The modules directly below this one."""
        return (m for m in self._modules.values() if m is not None)

    def _named(self, table: str, prefix: str) -> Iterator[tuple[str, Module, str, Tensor]]:
        """Path, owner, attribute and tensor of each entry of a table, a shared tensor once."""
        seen: set[int] = set()
        for path, module in self.named_modules(prefix):
            for name, value in module.__dict__[table].items():
                if value is not None and id(value) not in seen:
                    seen.add(id(value))
                    yield f"{path}.{name}" if path else name, module, name, value

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """All parameters by path, shared ones once."""
        for path, module, name, _ in self._named("_parameters", prefix):
            yield path, module.__dict__["_parameters"][name]

    def parameters(self) -> Iterator[Parameter]:
        """All parameters, shared ones once."""
        return (p for _, p in self.named_parameters())

    def named_buffers(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """All buffers by path."""
        for path, _, _, value in self._named("_buffers", prefix):
            yield path, value

    def buffers(self) -> Iterator[Tensor]:
        """All buffers."""
        return (b for _, b in self.named_buffers())

    def named_tensors(self) -> Iterator[tuple[str, Tensor, Callable[[], Tensor]]]:
        """Path, tensor and how to read it anew, of all parameters and buffers."""
        for table in ("_parameters", "_buffers"):
            for path, module, name, value in self._named(table, ""):
                entries = module.__dict__[table]
                yield path, value, lambda entries=entries, name=name: entries[name]

    def train(self, mode: bool = True) -> Self:
        """Sets `training` here and below: dropout drops, batch norm uses the batch's statistics."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Ends training: `train(False)`."""
        return self.train(False)

    def apply(self, function: Callable[[Module], Any]) -> Self:
        """Calls `function` on each module, those below first."""
        for module in reversed(list(self.modules())):
            function(module)
        return self

    def astype(self, dtype: DTypeLike) -> Self:
        """Casts all floating-point parameters and buffers."""
        kind = element_type(dtype)
        for module in self.modules():
            for name, value in module._parameters.items():
                if value is not None and value.dtype.is_float:
                    new = Parameter(tensor(value, kind), value.trainable)
                    module._parameters[name] = new
            for name, value in module._buffers.items():
                if value is not None and value.dtype.is_float:
                    module._buffers[name] = tensor(value, kind)
        return self

    def state_dict(self) -> dict[str, Tensor]:
        """Parameters and buffers by path; a shared one under each of its paths."""
        state: dict[str, Tensor] = {}
        for path, module in self.named_modules():
            for name, value in [*module._parameters.items(), *module._buffers.items()]:
                if value is not None:
                    state[f"{path}.{name}" if path else name] = Tensor(value.array())
        return state

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Takes the values of `state`; names and shapes must fit, all of them if `strict`."""
        own = {f"{p}.{n}" if p else n: (m, n) for p, m in self.named_modules() for n in _tensors(m)}
        missing, unknown = sorted(own.keys() - state), sorted(state.keys() - own)
        if strict and (missing or unknown):
            raise error(
                "the state must have the module's names, "
                f"missing: {', '.join(missing) or 'none'}, unknown: {', '.join(unknown) or 'none'}",
                "or pass strict=False",
            )
        for path, (module, name) in own.items():
            if path in state:
                module._load(name, path, state[path])

    def _load(self, name: str, path: str, value: Any) -> None:
        old = self._parameters.get(name)
        if old is None:
            old = self._buffers[name]
        assert old is not None, path
        new = tensor(value, old.dtype)
        if new.shape != old.shape:
            raise error(f"{path} must have shape {old.shape}, got {new.shape}")
        if isinstance(old, Parameter):
            old.assign(new)
        else:
            self._buffers[name] = new

    def save(self, path: str | Path) -> None:
        """Writes the state as a safetensors file."""
        from safetensors.numpy import save_file

        save_file({n: np.array(t.array(), order="C") for n, t in self.state_dict().items()}, path)

    def load(self, path: str | Path, strict: bool = True) -> None:
        """Takes the state of a safetensors file."""
        from safetensors.numpy import load_file

        if not Path(path).is_file():
            raise error(f"the state must be in a file, got {path}")
        self.load_state_dict(load_file(path), strict)

    def extra_repr(self) -> str:
        """What `repr` shows between the brackets."""
        return ""

    def __repr__(self) -> str:
        name, inside = type(self).__name__, self.extra_repr()
        if not self._modules:
            return f"{name}({inside})"
        rows = [f"({n}): {m!r}".replace("\n", "\n  ") for n, m in self._modules.items()]
        return "\n".join([f"{name}({inside}", *(f"  {r}" for r in rows), ")"])


def _tensors(module: Module) -> list[str]:
    tables = (module._parameters, module._buffers)
    return [name for table in tables for name, value in table.items() if value is not None]
