"""Programs about views, in-place changes, versions and leaves."""

from __future__ import annotations

from observe import error, fn_name, programs_of


def leaf(torch, *shape):
    count = 1
    for n in shape:
        count *= n
    return (torch.arange(count, dtype=torch.float32).reshape(shape) + 1).requires_grad_()


def inplace_on_view_changes_base(torch):
    x = leaf(torch, 4)
    b = x * 2
    v = b[1:3]
    v.mul_(10)
    names = [fn_name(b), fn_name(v), b._version, v._version]
    (b * b).sum().backward()
    return [names, b, v, x.grad]


def inplace_on_base_changes_view(torch):
    x = leaf(torch, 4)
    b = x * 2
    v = b[1:3]
    b.mul_(3)
    names = [fn_name(b), fn_name(v), v._version]
    v.sum().backward()
    return [names, v, x.grad]


def chain_of_views(torch):
    x = leaf(torch, 4, 6)
    b = x.clone()
    v = b.view(6, 4).t()[1:3].unsqueeze(0)
    v.mul_(5)
    names = [fn_name(v), fn_name(b), v._base is b]
    (b * b).sum().backward()
    return [names, x.grad]


def sibling_views(torch):
    x = leaf(torch, 4)
    b = x * 1
    first, second = b[:3], b[1:]
    first.mul_(second.detach().clone()[0])
    out = second * second
    names = [fn_name(second), fn_name(first)]
    out.sum().backward()
    return [names, x.grad]


def view_after_use(torch):
    x = leaf(torch, 3)
    b = x * 2
    v = b[0]
    y = v.exp()
    v.add_(1)
    (y + v).backward()
    return [x.grad, fn_name(v)]


def inplace_after_save_fails(torch):
    x = leaf(torch, 3)
    y = x * 2
    z = y * y
    y.add_(1)
    return [error(z.sum().backward)]


def inplace_after_save_of_output_fails(torch):
    x = leaf(torch, 2)
    y = x.exp()
    y.mul_(2)
    z = x.sigmoid()
    w = z.sqrt()
    z.zero_()
    return [error(y.sum().backward), error(w.sum().backward)]


def saved_leaf_changed(torch):
    w = leaf(torch, 2, 3)
    x = torch.ones(4, 2, requires_grad=True)
    y = x @ w
    with torch.no_grad():
        w.mul_(2)
    return [w._version, error(y.sum().backward)]


def assign_several_values(torch):
    x = leaf(torch, 3)
    out = torch.zeros(3)
    out[0] = x[0] * 2
    out[1] = x[1] ** 2
    out[1:] += x[2]
    out.sum().backward()
    return [x.grad, fn_name(out), out, out._version]


def index_put_by_mask(torch):
    x = leaf(torch, 4)
    y = x * 1
    y[torch.tensor([True, False, True, False])] = 0.0
    (y * y).sum().backward()
    return [x.grad, y, fn_name(y)]


def copy_into_view(torch):
    x, w = leaf(torch, 3), leaf(torch, 2)
    y = x * 2
    y[:2].copy_(w * 3)
    (y * y).sum().backward()
    return [x.grad, w.grad, y, fn_name(y)]


def leaf_inplace_fails(torch):
    x = leaf(torch, 3)
    return [
        error(x.add_, 1),
        error(x[0].mul_, 2),
        error(x.view(3).zero_),
        error(lambda: x.__setitem__(0, 1.0)),
        error(x.detach().add_, 1),
        x,
        x._version,
    ]


def unbind_outputs_inplace_fail(torch):
    x = leaf(torch, 2, 2)
    y = x * 2
    a, _ = y.unbind(0)
    first = error(a.add_, 1)
    parts = (x * 2).split(1)
    chunks = (x * 2).chunk(2)
    return [first, error(parts[0].mul_, 2), error(chunks[1].mul_, 2), fn_name(a), fn_name(parts[0])]


def unbind_and_split_gradients(torch):
    x = leaf(torch, 3, 2)
    a, _, c = x.unbind(0)
    p, q = x.split([1, 2])
    (a * c).sum().backward()
    (p.sum() * q.sum()).backward()
    return [x.grad, fn_name(p), fn_name(q), q.output_nr]


def no_grad_view_inplace(torch):
    x = leaf(torch, 3)
    y = x * 2
    with torch.no_grad():
        v = y[0]
    return [error(v.mul_, 2), v.requires_grad]


def view_of_constant_base_becomes_part_of_graph(torch):
    w = leaf(torch, 2)
    base = torch.zeros(4)
    v = base[:2]
    other = base[1:3]
    v.add_(w)
    names = [fn_name(base), fn_name(v), fn_name(other), base.requires_grad, other.requires_grad]
    (base * 2).sum().backward()
    return [names, w.grad]


def detach_shares_version(torch):
    x = leaf(torch, 3)
    y = x * 1
    z = y * y
    y.detach().add_(1)
    return [y._version, error(z.sum().backward)]


def data_hides_changes(torch):
    x = leaf(torch, 3)
    y = x * 1
    z = y * y
    y.data.add_(1)
    z.sum().backward()
    return [y._version, x.grad]


def assigned_data(torch):
    x = leaf(torch, 3)
    (x * 2).sum().backward()
    x.data = torch.zeros(2)
    x.grad = None
    (x * 3).sum().backward()
    return [x, x.grad, x._version, error(setattr, x, "data", torch.zeros(2, dtype=torch.int64))]


def detach_in_place(torch):
    x = leaf(torch, 3)
    y = x * 2
    y.detach_()
    z = (x * 2)[0]
    return [y.requires_grad, y.grad_fn is None, y.is_leaf, error(z.detach_)]


def expanded_gradients(torch):
    x = leaf(torch, 3, 1)
    e = x.expand(3, 4)
    (e * torch.arange(12.0).reshape(3, 4)).sum().backward()
    return [x.grad, x.grad.stride(), fn_name(e), error(e.add_, 1)]


def as_strided_view(torch):
    x = leaf(torch, 6)
    y = x * 1
    v = y.as_strided((2, 2), (2, 1), 1)
    v.mul_(3)
    (y * y).sum().backward()
    return [x.grad, fn_name(v)]


def overlapping_as_strided(torch):
    x = leaf(torch, 4)
    v = x.as_strided((3, 2), (1, 1))
    (v * torch.arange(6.0).reshape(3, 2)).sum().backward()
    return [x.grad]


def leaf_view_gradients(torch):
    x = leaf(torch, 2, 3)
    v = x.t()
    v.retain_grad()
    (v * v).sum().backward()
    return [x.grad, v.grad, v.is_leaf, x.grad.is_contiguous()]


def view_of_leaf_made_before_flag(torch):
    a = torch.zeros(3)
    v = a[0]
    a.requires_grad_()
    return [v.requires_grad, v.is_leaf, error(v.add_, 1)]


def requires_grad_flags(torch):
    x = leaf(torch, 2)
    y = x * 2
    i = torch.arange(3)
    return [
        error(setattr, y, "requires_grad", False),
        error(i.requires_grad_),
        error(torch.zeros, 2, dtype=torch.int64, requires_grad=True),
        (x > 1).requires_grad,
        x.to(torch.int64).requires_grad,
        x.argmax().requires_grad,
    ]


def inplace_mixed_dtype(torch):
    x = torch.ones(3, dtype=torch.float64, requires_grad=True)
    y = torch.zeros(3)
    y += x
    y.sum().backward()
    return [x.grad, str(x.grad.dtype).split(".")[-1], fn_name(y)]


def integer_base(torch):
    x = leaf(torch, 3)
    i = torch.tensor([2, 0])
    y = x[i] * 2
    y.sum().backward()
    return [x.grad, fn_name(x[i]), error(torch.autograd.grad, x.sum(), i)]


def inplace_on_result_used_twice(torch):
    x = leaf(torch, 3)
    y = x * 2
    a = y.sin()
    y = y.clone()
    y.mul_(3)
    (a + y).sum().backward()
    return [x.grad]


def inplace_history(torch):
    x = leaf(torch, 3)
    y = x * 1
    names = []
    for f in (y.neg_, y.abs_, y.neg_, y.sigmoid_):
        f()
        names.append(fn_name(y))
    y.sum().backward()
    return [names, x.grad, y._version]


def inplace_op_names(torch):
    x = leaf(torch, 3)
    y = x * 1
    names = []
    for step in (
        lambda: y.mul_(x),
        lambda: y.div_(2),
        lambda: y.sub_(x),
        lambda: y.pow_(2),
        lambda: y.clamp_(min=0.1),
        lambda: y.zero_(),
    ):
        step()
        names.append(fn_name(y))
    return [names, y]


def fill_and_zero(torch):
    x = leaf(torch, 3)
    y = x * 2
    y[1].zero_()
    y[2:].fill_(7)
    (y * y).sum().backward()
    return [x.grad, y]


def zero_dim_and_empty(torch):
    s = torch.tensor(2.0, requires_grad=True)
    e = torch.zeros(0, 3, requires_grad=True)
    (s * s + e.sum()).backward()
    y = torch.zeros(3)
    y[0] = s
    y.sum().backward()
    return [s.grad, e.grad, list(e.grad.shape), error(e.exp().backward)]


def transposed_gradients(torch):
    x = torch.ones(2, 3).t().detach().requires_grad_()
    (x * torch.arange(6.0).reshape(3, 2)).sum().backward()
    return [x.grad, x.grad.stride(), x.stride()]


def swap_and_augmented(torch):
    x = leaf(torch, 3)
    total = torch.zeros(())
    for i in range(3):
        total += x[i] * i
    total.backward()
    return [x.grad, fn_name(total), total._version]


def select_of_select(torch):
    x = leaf(torch, 2, 2, 2)
    y = x * 1
    y[0][1][0] = 0
    y[1, :, 1] *= 3
    (y * y).sum().backward()
    return [x.grad, y]


def diagonal_inplace(torch):
    x = leaf(torch, 3, 3)
    y = x * 1
    y.diagonal().mul_(2)
    (y * y).sum().backward()
    return [x.grad, fn_name(y)]


def view_dtype_versions(torch):
    a = torch.zeros(4)
    v = a[1:]
    w = v.view(3)
    w.add_(1)
    a.mul_(2)
    return [
        a._version,
        v._version,
        w._version,
        a.detach()._version,
        a.clone()._version,
        a.data._version,
    ]


def inplace_in_no_grad(torch):
    x = leaf(torch, 3)
    y = x * 2
    with torch.no_grad():
        y.add_(1)
        x.add_(1)
        x[0] = 9.0
    y.sum().backward()
    return [x, x._version, x.grad, fn_name(y), x.is_leaf]


def base_inplace_in_no_grad_then_view(torch):
    x = leaf(torch, 3)
    y = x * 2
    v = y[:2]
    with torch.no_grad():
        y.mul_(2)
    v.sum().backward()
    return [x.grad]


def set_and_resize(torch):
    x = leaf(torch, 3)
    y = x * 2
    return [error(y.resize_, 2), error(x.resize_, 2)]


def real_view_of_complex_base(torch):
    z = torch.tensor([1 + 2j, 3j], requires_grad=True)
    y = z * 1
    v = torch.view_as_real(y)
    v[0].mul_(2)
    y.abs().sum().backward()
    first, z.grad = z.grad, None
    y = z * 1
    v = torch.view_as_real(y)
    y.mul_(3)
    (v * torch.tensor([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
    return [first, z.grad, v.detach()]


def as_strided_does_not_save_its_base(torch):
    x = leaf(torch, 4)
    y = x * 1
    w = y.as_strided((2,), (2,), 1).clone()
    y.add_(1)
    w.sum().backward()
    return [x.grad]


PROGRAMS = programs_of(globals())
PROGRAMS.pop("leaf")
