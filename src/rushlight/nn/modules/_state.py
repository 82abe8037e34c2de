"""state_dict and load_state_dict of modules."""

from __future__ import annotations

import itertools
import warnings
from collections import OrderedDict, namedtuple
from collections.abc import Mapping

from .._package import Tensor, rl
from ..parameter import Parameter, is_lazy
from ._hooks import _register, _WrappedHook

_EXTRA_STATE_KEY_SUFFIX = "_extra_state"


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What ``load_state_dict`` returns: the names only one side had."""

    __slots__ = ()

    def __repr__(self) -> str:
        if self.missing_keys or self.unexpected_keys:
            return super().__repr__()
        return "<All keys matched successfully>"

    __str__ = __repr__


def _unreachable(name: str):
    return RuntimeError(
        f"Reached a code path in Module.{name}() that should never be called. Please file an "
        "issue at https://github.com/pytorch/pytorch/issues/new?template=bug-report.yml to report "
        "this bug."
    )


def _prefix_note(missing: list[str], unexpected: list[str]) -> str | None:
    """What to do where one side's names are the other's behind a prefix, as DataParallel makes it."""
    if unexpected:
        prefix = unexpected[0].partition(".")[0] + "."
        if set(unexpected) == {prefix + name for name in missing}:
            return (
                f"load_state_dict: the names in the state dict begin with {prefix!r}: "
                "consume_prefix_in_state_dict_if_present of torch.nn.modules.utils takes that away"
            )
    if missing:
        prefix = missing[0].partition(".")[0] + "."
        if set(missing) == {prefix + name for name in unexpected}:
            return (
                f"load_state_dict: the model's names begin with {prefix!r}, the state dict's do not: "
                f"load into model.{prefix[:-1]}"
            )
    return None


class StateMixin:
    """Collecting a module's state under dotted names and putting it back."""

    def get_extra_state(self):
        """Override to add a picklable value to ``state_dict``; ``set_extra_state`` receives it."""
        raise _unreachable("get_extra_state")

    def set_extra_state(self, state) -> None:
        """Override to receive what ``get_extra_state`` put into the state dict."""
        raise _unreachable("set_extra_state")

    def _overrides_extra_state(self, name: str) -> bool:
        return getattr(type(self), name) is not getattr(StateMixin, name)

    def _register_state_dict_hook(self, hook):
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError(
                "Cannot register the same function as the state dict post hook that was "
                "previously registered via register_state_dict_post_hook"
            )
        return _register(self._state_dict_hooks, hook)

    def register_state_dict_post_hook(self, hook):
        """Run ``hook(module, state_dict, prefix, local_metadata)`` after the state is collected."""
        hook._from_public_api = True
        return _register(self._state_dict_hooks, hook)

    def register_state_dict_pre_hook(self, hook):
        """Run ``hook(module, prefix, keep_vars)`` before the state is collected."""
        return _register(self._state_dict_pre_hooks, hook)

    def _register_load_state_dict_pre_hook(self, hook, with_module=False):
        wrapped = _WrappedHook(hook, self if with_module else None)
        return _register(self._load_state_dict_pre_hooks, wrapped)

    def register_load_state_dict_pre_hook(self, hook):
        """Run ``hook(module, state_dict, prefix, local_metadata, strict, missing, unexpected, errors)`` before loading."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def register_load_state_dict_post_hook(self, hook):
        """Run ``hook(module, incompatible_keys)`` after loading; it may edit the keys in place."""
        return _register(self._load_state_dict_post_hooks, hook)

    def _save_to_state_dict(self, destination, prefix, keep_vars) -> None:
        for name, param in self._parameters.items():
            if param is not None:
                destination[prefix + name] = param if keep_vars else param.detach()
        for name, buf in self._buffers.items():
            if buf is not None and name not in self._non_persistent_buffers_set:
                destination[prefix + name] = buf if keep_vars else buf.detach()
        if self._overrides_extra_state("get_extra_state"):
            destination[prefix + _EXTRA_STATE_KEY_SUFFIX] = self.get_extra_state()

    def state_dict(self, *args, destination=None, prefix="", keep_vars=False):
        """All parameters and persistent buffers of the module and its children, by dotted name.

        Args:
            destination (dict, optional): collect into this dict instead of a new one.
            prefix (str): put before every name.
            keep_vars (bool): give the parameters themselves rather than detached tensors.

        Returns:
            An OrderedDict whose tensors share memory with the module.

        Example::

            >>> import rushlight as torch
            >>> list(torch.nn.Linear(2, 3).state_dict())
            ['weight', 'bias']
        """
        if args:
            warnings.warn(
                "Positional args are being deprecated, use kwargs instead. Refer to "
                "https://pytorch.org/docs/main/generated/torch.nn.Module.html"
                "#torch.nn.Module.state_dict for details.",
                FutureWarning,
                stacklevel=2,
            )
            destination = args[0] if destination is None else destination
            prefix = args[1] if len(args) > 1 and prefix == "" else prefix
            keep_vars = args[2] if len(args) > 2 and keep_vars is False else keep_vars
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(
                    destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
                )
        for hook in self._state_dict_hooks.values():
            result = hook(self, destination, prefix, metadata)
            if result is None:
                continue
            if getattr(hook, "_from_public_api", False):
                raise RuntimeError("state_dict post-hook must return None")
            destination = result
        return destination

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ) -> None:
        """Load this module's own entries (not its children's); overridden to migrate old files."""
        for hook in self._load_state_dict_pre_hooks.values():
            hook(
                state_dict,
                prefix,
                local_metadata,
                strict,
                missing_keys,
                unexpected_keys,
                error_msgs,
            )
        transient = self._non_persistent_buffers_set
        persistent = ((k, v) for k, v in self._buffers.items() if k not in transient)
        named = itertools.chain(self._parameters.items(), persistent)
        own = {name: tensor for name, tensor in named if tensor is not None}
        assign = local_metadata.get("assign_to_params_buffers", False)
        for name, tensor in own.items():
            key = prefix + name
            if key in state_dict:
                error = self._load_one(name, tensor, key, state_dict[key], assign)
                if error is not None:
                    error_msgs.append(error)
            elif strict:
                missing_keys.append(key)
        extra_key = prefix + _EXTRA_STATE_KEY_SUFFIX
        wants_extra = self._overrides_extra_state("set_extra_state")
        if extra_key in state_dict:
            if wants_extra:
                self.set_extra_state(state_dict[extra_key])
            elif strict:
                unexpected_keys.append(extra_key)
        elif wants_extra and strict:
            missing_keys.append(extra_key)
        if strict:
            unexpected_keys.extend(self._unknown_keys(state_dict, prefix, extra_key, own))

    def _unknown_keys(self, state_dict, prefix, extra_key, own):
        for key in state_dict:
            if key.startswith(prefix) and key != extra_key:
                name, dot, _ = key[len(prefix) :].partition(".")
                if name not in (self._modules if dot else own):
                    yield key

    def _load_one(self, name, tensor, key, value, assign) -> str | None:
        """Copy (or assign) one entry; returns the error text if that is impossible."""
        if not (isinstance(value, Tensor) or hasattr(value, "__torch_function__")):
            return (
                f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like '
                f"object from checkpoint but received {type(value)}"
            )
        if not is_lazy(tensor):
            # Files written before 0.4 hold one-element vectors where scalars are now.
            if len(tensor.shape) == 0 and tuple(value.shape) == (1,):
                value = value[0]
            if value.shape != tensor.shape:
                return (
                    f"size mismatch for {key}: copying a param with shape {value.shape} from "
                    f"checkpoint, the shape in current model is {tensor.shape}."
                )
        if tensor.is_meta and not value.is_meta and not assign:
            warnings.warn(
                f"for {key}: copying from a non-meta parameter in the checkpoint to a meta "
                "parameter in the current model, which is a no-op. (Did you mean to pass "
                "`assign=True` to assign items in the state dictionary to their corresponding key "
                "in the module instead of copying them in place?)",
                stacklevel=2,
            )
        try:
            with rl.no_grad():
                if not assign:
                    tensor.copy_(value)
                    return None
                if isinstance(tensor, Parameter):
                    if isinstance(value, Parameter):
                        value.requires_grad_(tensor.requires_grad)
                    else:
                        value = Parameter(value, requires_grad=tensor.requires_grad)
                setattr(self, name, value)
        except Exception as error:
            return (
                f'While copying the parameter named "{key}", whose dimensions in the model are '
                f"{tensor.size()} and whose dimensions in the checkpoint are {value.size()}, an "
                f"exception occurred : {error.args}."
            )
        return None

    def load_state_dict(self, state_dict, strict: bool = True, assign: bool = False):
        """Copy the values of a state dict into the module and its children.

        Args:
            state_dict (dict): names and tensors, as ``state_dict()`` gives them.
            strict (bool): raise if a name is missing or unknown. Default: True.
            assign (bool): put the given tensors in place of the module's own. Default: False.

        Returns:
            A named tuple ``(missing_keys, unexpected_keys)``.

        Raises:
            RuntimeError: a shape differs, or with ``strict`` the names do.

        Example::

            >>> import rushlight as torch
            >>> a, b = torch.nn.Linear(2, 3), torch.nn.Linear(2, 3)
            >>> a.load_state_dict(b.state_dict())
            <All keys matched successfully>
        """
        if not isinstance(state_dict, Mapping):
            wrong = TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
            if isinstance(state_dict, StateMixin):
                wrong.__notes__ = ["load_state_dict: got a whole module; pass module.state_dict()"]
            raise wrong
        missing: list[str] = []
        unexpected: list[str] = []
        errors: list[str] = []
        metadata = getattr(state_dict, "_metadata", None)
        state_dict = OrderedDict(state_dict)
        if metadata is not None:
            # Hooks that migrate old files may read it.
            state_dict._metadata = metadata

        def load(module, entries, prefix):
            local = {} if metadata is None else metadata.get(prefix[:-1], {})
            if assign:
                local["assign_to_params_buffers"] = assign
            module._load_from_state_dict(entries, prefix, local, True, missing, unexpected, errors)
            for name, child in module._modules.items():
                if child is not None:
                    below = f"{prefix}{name}."
                    load(child, {k: v for k, v in entries.items() if k.startswith(below)}, below)
            keys = _IncompatibleKeys(missing, unexpected)
            for hook in module._load_state_dict_post_hooks.values():
                if hook(module, keys) is not None:
                    raise AssertionError(
                        "Hooks registered with ``register_load_state_dict_post_hook`` are not "
                        "expected to return new values, if incompatible_keys need to be modified, "
                        "it should be done inplace."
                    )

        load(self, state_dict, "")
        if strict:
            for what, keys in (("Unexpected", unexpected), ("Missing", missing)):
                if keys:
                    quoted = ", ".join(f'"{key}"' for key in keys)
                    errors.insert(0, f"{what} key(s) in state_dict: {quoted}. ")
        if errors:
            listed = "\n\t".join(errors)
            error = RuntimeError(
                f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{listed}"
            )
            note = _prefix_note(missing, unexpected)
            if note:
                error.__notes__ = [note]
            raise error
        return _IncompatibleKeys(missing, unexpected)
