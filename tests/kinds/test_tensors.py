"""Tensors of PyTorch, and other arrays of main memory, as operands and as `out`: in their own memory, or refused."""

import numpy as np
import pytest
from layouts import Exchange

import numbafunc

VALUES = np.array([-1.0, 2.0, 3.0], np.float32)


FILLING = [
    numbafunc.relu,
    numbafunc.softmax,
    numbafunc.log_softmax,
    lambda x, out: numbafunc.elu(x, 1.5, out=out),
    lambda x, out: numbafunc.softmax(x, where=x < 3, out=out),
    lambda x, out: numbafunc.loss.sigmoid_cross_entropy_logits(x, x, out=out),
    numbafunc.elementwise(lambda x: x * x),
]


@pytest.mark.parametrize("op", FILLING)
def test_out_is_an_array_that_exports_its_memory(op):
    memory, plain = np.full(3, np.nan, np.float32), np.empty(3, np.float32)
    out = Exchange(memory)
    op(VALUES, out=plain)
    for _ in range(2):  # the second call finds a short cut
        memory[:] = np.nan
        assert op(VALUES, out=out) is out
        np.testing.assert_array_equal(memory, plain)


def test_out_that_can_not_be_written_to_is_refused():
    memory = np.zeros(3, np.float32)
    memory.flags.writeable = False
    with pytest.raises((ValueError, BufferError), match="read-only|readonly"):
        numbafunc.relu(VALUES, out=Exchange(memory))
    with pytest.raises(TypeError, match="out is a list"):
        numbafunc.relu(VALUES, out=[0, 0, 0])
    with pytest.raises(ValueError, match="out overlaps"):
        numbafunc.relu(VALUES, out=Exchange(VALUES))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "bfloat16"])
@pytest.mark.parametrize("op", FILLING)
def test_tensors_as_operand_and_out(op, dtype):
    torch = pytest.importorskip("torch")
    pytest.importorskip("ml_dtypes")
    kind = getattr(torch, dtype)
    tensor = torch.tensor(VALUES.tolist(), dtype=kind)
    plain = VALUES.astype(dtype)
    out = torch.full((3,), torch.nan, dtype=kind)
    assert op(tensor, out=out) is out
    wanted = np.empty(3, dtype)
    op(plain, out=wanted)
    np.testing.assert_array_equal(out.float().numpy(), wanted.astype(np.float32))


def test_tensors_share_memory_whatever_their_strides():
    torch = pytest.importorskip("torch")
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    table = torch.arange(-6.0, 6.0, dtype=torch.bfloat16).reshape(3, 4)
    result = numbafunc.relu(table.t())
    assert result.dtype == bfloat16
    np.testing.assert_array_equal(result.astype(np.float32), np.maximum(table.t().float().numpy(), 0))
    out = torch.zeros(4, 3, dtype=torch.bfloat16).t()
    numbafunc.relu(table, out=out)
    np.testing.assert_array_equal(out.float().numpy(), np.maximum(table.float().numpy(), 0))


def test_derivatives_by_tensors():
    torch = pytest.importorskip("torch")
    tensor = torch.tensor([1.0, 2.0])
    for mode in ("forward", "reverse"):
        np.testing.assert_array_equal(numbafunc.grad(lambda x: np.sum(x**3), mode=mode)(tensor), [3, 12])
        constant = numbafunc.grad(lambda x: np.sum(tensor * x + x * tensor), mode=mode)
        np.testing.assert_array_equal(constant(np.ones(2)), [2, 4])


def test_tensors_that_are_refused_say_why():
    torch = pytest.importorskip("torch")
    tensor = torch.tensor([1.0, 2.0])
    moving = tensor.clone().requires_grad_()
    cases = [
        (lambda: numbafunc.relu(moving), r"^x is .*requires grad.*detach\(\)"),
        (lambda: numbafunc.softmax(tensor, out=moving), r"^out is .*requires grad.*detach\(\)"),
        (lambda: numbafunc.grad(np.sum)(moving), r"^argument 0 is .*requires grad.*detach\(\)"),
        (lambda: numbafunc.grad(lambda x: np.sum(x * moving))(np.ones(2)), r"an operand is .*requires grad"),
        (lambda: numbafunc.relu(torch.eye(2).to_sparse()), r"^x is .*sparse_coo.*wanted: a dense one"),
        (lambda: numbafunc.relu(tensor.to(torch.float8_e5m2)), r"^x is .*float8_e5m2, which NumPy does not have"),
        (lambda: numbafunc.relu(tensor, out=torch.zeros(2, dtype=torch.float64)), r"^out has dtype float64"),
    ]
    for call, message in cases:
        with pytest.raises(TypeError, match=message):
            call()
    with pytest.raises(ValueError, match="out overlaps"):
        numbafunc.relu(tensor, out=tensor)
