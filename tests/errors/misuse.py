"""Common mistakes: a call, the class and the first line of PyTorch 2.13's error, and what the help must say.

The help is None where PyTorch's own words name everything already.
"""

from __future__ import annotations

from types import SimpleNamespace

R, V, T, I, A = RuntimeError, ValueError, TypeError, IndexError, AttributeError
MISUSE: list[SimpleNamespace] = []


def case(kind, first, help_text):
    def add(call):
        MISUSE.append(
            SimpleNamespace(name=call.__name__, call=call, kind=kind, first=first, help=help_text)
        )
        return call

    return add


def x3(t):
    return t.ones(3, requires_grad=True)


SCORES = [[0.1] * 10] * 4


@case(
    R, "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)", "the inner sizes 3 and 4 differ"
)
def matmul_sizes(t):
    t.ones(2, 3) @ t.ones(4, 5)


@case(
    R,
    "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x3)",
    "did you mean the transpose of the second, b.T?",
)
def matmul_transpose(t):
    t.ones(2, 3) @ t.ones(4, 3)


@case(
    R,
    "mat1 and mat2 shapes cannot be multiplied (32x9 and 10x5)",
    "Linear(in_features=10): the input's last size is 9 (input [32, 9])",
)
def linear_sizes(t):
    t.nn.Sequential(t.nn.ReLU(), t.nn.Linear(10, 5))(t.ones(32, 9))


@case(
    R,
    "mat1 and mat2 shapes cannot be multiplied (56x28 and 784x5)",
    "flatten it first: x.flatten(1)",
)
def linear_of_pictures(t):
    t.nn.Linear(784, 5)(t.ones(2, 1, 28, 28))


@case(
    R,
    "Given groups=1, weight of size [6, 3, 5, 5], expected input[8, 1, 28, 28] to have 3 channels, but got 1 channels instead",
    None,
)
def conv_channels(t):
    t.nn.Conv2d(3, 6, 5)(t.ones(8, 1, 28, 28))


@case(
    R,
    "Given groups=1, weight of size [6, 3, 3, 3], expected input[1, 8, 8, 3] to have 3 channels, but got 8 channels instead",
    "x.permute(0, 3, 1, 2)",
)
def conv_channels_last(t):
    t.nn.Conv2d(3, 6, 3)(t.ones(1, 8, 8, 3))


@case(
    R,
    "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [8, 784]",
    "x.reshape(-1, 1, 28, 28)",
)
def conv_of_rows(t):
    t.nn.Conv2d(1, 6, 5)(t.ones(8, 784))


@case(
    R,
    "Calculated padded input size per channel: (3 x 3). Kernel size: (5 x 5). Kernel size can't be greater than actual input size",
    None,
)
def conv_kernel(t):
    t.nn.Conv2d(1, 6, 5)(t.ones(8, 1, 3, 3))


@case(
    R,
    "Input type (unsigned char) and bias type (float) should be the same",
    "pictures are scaled by x.to(torch.float32) / 255",
)
def conv_of_bytes(t):
    t.nn.Conv2d(3, 6, 3)(t.ones(1, 3, 8, 8).byte())


@case(
    R,
    "Input type (double) and bias type (float) should be the same",
    "convert the input by x.to(torch.float32)",
)
def conv_of_doubles(t):
    t.nn.Conv2d(3, 6, 3)(t.ones(1, 3, 8, 8).double())


@case(R, "expected scalar type Long but found Float", "convert the input by x.to(torch.float32)")
def conv_without_bias(t):
    t.nn.Conv2d(3, 6, 3, bias=False)(t.ones(1, 3, 8, 8).long())


@case(
    R,
    "The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 0",
    "shapes [3] and [4] do not broadcast (dimension 0: 3 vs 4)",
)
def add_sizes(t):
    t.ones(3) + t.ones(4)


@case(
    R, "expected target dtype to be Long or Byte, but got Float", "probabilities of shape [4, 10]"
)
def classes_as_floats(t):
    t.nn.functional.cross_entropy(t.tensor(SCORES), t.ones(4))


@case(
    R,
    "expected target dtype to be Long or Byte, but got Int",
    "got int32 of shape [4]; use target.long()",
)
def classes_as_int32(t):
    t.nn.functional.cross_entropy(t.tensor(SCORES), t.ones(4).int())


@case(I, "Target 10 is out of bounds.", "target[3] = 10, but input has 10 classes (0..9)")
def class_too_large(t):
    t.nn.functional.cross_entropy(t.tensor(SCORES), t.tensor([1, 2, 3, 10]))


@case(
    R,
    "0D or 1D target tensor expected, multi-target not supported",
    "target has shape [4, 1]; expected [4]: use target.squeeze(1)",
)
def classes_in_a_column(t):
    t.nn.functional.cross_entropy(t.tensor(SCORES), t.ones(4, 1).long())


@case(V, "Expected input batch_size (4) to match target batch_size (3).", None)
def batch_sizes(t):
    t.nn.functional.cross_entropy(t.tensor(SCORES), t.ones(3).long())


@case(R, "all elements of input should be between 0 and 1", "binary_cross_entropy_with_logits")
def bce_of_logits(t):
    t.nn.functional.binary_cross_entropy(t.tensor([2.0, 0.5]), t.tensor([1.0, 0.0]))


@case(
    R,
    "grad can be implicitly created only for scalar outputs",
    "the output has shape [3]; call .sum() or .mean() first, or pass gradient=",
)
def backward_of_a_vector(t):
    (x3(t) * 2).backward()


@case(
    R,
    "element 0 of tensors does not require grad and does not have a grad_fn",
    "under torch.no_grad(), from detached tensors",
)
def backward_without_history(t):
    with t.no_grad():
        y = (x3(t) * 2).sum()
    y.backward()


@case(
    R,
    "a leaf Variable that requires grad is being used in an in-place operation.",
    "wrap parameter updates in torch.no_grad(), or write x = x + 1",
)
def leaf_in_place(t):
    x3(t).add_(1)


@case(
    R, "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.", None
)
def numpy_with_grad(t):
    x3(t).numpy()


@case(
    R, "a Tensor with 3 elements cannot be converted to Scalar", "its shape is [3]: use .tolist()"
)
def item_of_three(t):
    t.ones(3).item()


@case(
    R,
    "Boolean value of Tensor with more than one value is ambiguous",
    "its shape is [2]: use .any() or .all()",
)
def truth_of_two(t):
    bool(t.ones(2) > 0)


@case(
    R, "shape '[5, 2]' is invalid for input of size 12", "the shape has 10 elements, the input 12"
)
def reshape_sizes(t):
    t.ones(3, 4).reshape(5, 2)


@case(
    R,
    "shape '[-1, 5]' is invalid for input of size 12",
    "the input has 12 elements, no multiple of 5",
)
def view_sizes(t):
    t.ones(3, 4).view(-1, 5)


@case(
    R,
    "Sizes of tensors must match except in dimension 0. Expected size 3 but got size 4 for tensor number 1 in the list.",
    "the shapes are [2, 3] and [2, 4]",
)
def cat_sizes(t):
    t.cat([t.ones(2, 3), t.ones(2, 4)])


@case(
    R,
    "expected m1 and m2 to have the same dtype, but got: float != double",
    "the operands are float32 and float64: convert one of them, e.g. the float64 one by .to(torch.float32)",
)
def matmul_dtypes(t):
    t.ones(2, 2) @ t.ones(2, 2).double()


@case(
    R,
    "mat1 and mat2 must have the same dtype, but got Long and Float",
    "the int64 one by .to(torch.float32)",
)
def linear_of_integers(t):
    t.nn.Linear(2, 2)(t.ones(1, 2).long())


@case(
    R,
    "mat1 and mat2 must have the same dtype, but got Double and Float",
    "the operands are float64 and float32",
)
def linear_of_doubles(t):
    t.nn.Linear(2, 2)(t.ones(1, 3, 2).double())


@case(
    R,
    "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: Long",
    "x.float().mean()",
)
def mean_of_integers(t):
    t.ones(3).long().mean()


@case(
    R,
    "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got torch.FloatTensor instead (while checking arguments for embedding)",
    "x.long()",
)
def embedding_of_floats(t):
    t.nn.Embedding(10, 3)(t.ones(2))


@case(I, "index out of range in self", "= 10, the table has 10 rows (0..9)")
def embedding_too_large(t):
    t.nn.Embedding(10, 3)(t.tensor([1, 10]))


@case(I, "Dimension out of range (expected to be in range of [-2, 1], but got 2)", None)
def sum_dimension(t):
    t.ones(2, 3).sum(2)


@case(AssertionError, "Torch not compiled with CUDA enabled", "torch.cuda.is_available()")
def cuda(t):
    t.ones(1).cuda()


@case(
    V,
    "expected sequence of length 2 at dim 1 (got 1)",
    "the first one there has length 2, this one 1: [3]; pad them to one length",
)
def ragged_rows(t):
    t.tensor([[1, 2], [3]])


@case(T, "not a sequence", "expected a sequence of length 1 at dim 1, got 2")
def rows_and_numbers(t):
    t.tensor([[1], 2])


@case(
    T,
    "'list' object cannot be interpreted as an integer",
    "dimension 0 holds numbers and sequences",
)
def numbers_and_rows(t):
    t.tensor([1, [2]])


@case(V, "too many dimensions 'str'", "the first element is 'a': a tensor holds numbers")
def tensor_of_words(t):
    t.tensor(["a", "b"])


@case(T, "new(): invalid data type 'str'", "a tensor holds numbers")
def tensor_of_a_word(t):
    t.tensor("a")


@case(R, "Could not infer dtype of NoneType", None)
def tensor_of_none(t):
    t.tensor([None])


@case(R, "Could not infer dtype of dict", None)
def tensor_of_a_dict(t):
    t.tensor({"a": 1})


@case(T, "'Linear' object is not iterable", "pass Linear(...).parameters(), not the module")
def optimizer_of_a_module(t):
    t.optim.SGD(t.nn.Linear(2, 2), lr=0.1)


@case(V, "optimizer got an empty parameter list", "was it already consumed?")
def optimizer_of_nothing(t):
    t.optim.SGD([], lr=0.1)


@case(R, "Error(s) in loading state_dict for Linear:", "module.")
def prefixed_keys(t):
    t.nn.Linear(2, 2).load_state_dict({"module.weight": t.ones(2, 2), "module.bias": t.ones(2)})


@case(
    R,
    "stack expects each tensor to be equal size, but got [1] at entry 0 and [2] at entry 1",
    "the samples [0, 1]; give collate_fn=",
)
def ragged_samples(t):
    data = [t.ones(1), t.ones(2)]
    next(iter(t.utils.data.DataLoader(data, batch_size=2)))


@case(V, "Overflow when unpacking long long", "from -2**63 to 2**64 - 1")
def seed_too_large(t):
    t.manual_seed(2**64)


@case(A, "'Tensor' object has no attribute 'shpe'", None)
def misspelt_attribute(t):
    t.ones(1).shpe  # noqa: B018


@case(
    V,
    "Expected more than 1 value per channel when training, got input size torch.Size([1, 4])",
    "drop_last=True",
)
def batch_norm_of_one(t):
    t.nn.BatchNorm1d(4)(t.ones(1, 4))


@case(T, "linear(): argument 'input' (position 1) must be Tensor, not list", "torch.as_tensor(x)")
def layer_of_a_list(t):
    t.nn.Linear(3, 2)([1, 2, 3])


@case(
    R,
    "The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 1",
    "shapes [4, 2] and [3] do not broadcast (dimension 1: 2 vs 3)",
)
def broadcast_tensors(t):
    t.broadcast_tensors(t.ones(2), t.ones(4, 1), t.ones(3))


@case(
    R,
    "Attempting to broadcast a dimension of length 3 at -2! Mismatching argument at index 1 had (3, 1); but expected "
    "shape should be broadcastable to [4, 2]",
    None,
)
def broadcast_shapes(t):
    t.broadcast_shapes((4, 2), (3, 1), (5, 1))


@case(
    R,
    "The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 1",
    "do not broadcast",
)
def loss_sizes(t):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        t.nn.functional.l1_loss(t.ones(4, 2), t.ones(3))
