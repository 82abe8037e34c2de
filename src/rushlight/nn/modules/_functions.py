"""Autograd functions used by modules."""

from __future__ import annotations

from ...autograd import Function


class BackwardHookFunction(Function):
    """The identity; its node is where a module's full backward hooks are hung."""

    @staticmethod
    def forward(ctx, *args):
        ctx.mark_non_differentiable(*[arg for arg in args if not arg.requires_grad])
        return args

    @staticmethod
    def backward(ctx, *args):
        return args
