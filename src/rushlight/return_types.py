"""Named tuples that operators with several results return."""

from __future__ import annotations

from operator import itemgetter

_types: dict[str, type] = {}


class _Result(tuple):
    """A tuple whose elements have names."""

    _names: tuple[str, ...] = ()

    def __repr__(self) -> str:
        lines = ",\n".join(f"{n}={v!r}" for n, v in zip(self._names, self, strict=True))
        return f"torch.return_types.{type(self).__name__}(\n{lines})"

    def __reduce__(self):
        return _restore, (type(self).__name__, self._names, tuple(self))


def _restore(name: str, names: tuple[str, ...], values: tuple) -> tuple:
    return named(name, *names)(values)


def named(name: str, *fields: str) -> type:
    """The result type `torch.return_types.<name>` with these fields, taking one iterable."""
    found = _types.get(name)
    if found is None:
        body: dict = {field: property(itemgetter(i)) for i, field in enumerate(fields)}
        body |= {"_names": fields, "__module__": "torch.return_types", "__slots__": ()}
        body |= {"n_fields": len(fields), "n_sequence_fields": len(fields), "n_unnamed_fields": 0}
        found = _types[name] = type(name, (_Result,), body)
    return found


_FIELDS = {
    "linalg_cholesky_ex": "L info",
    "linalg_eig": "eigenvalues eigenvectors",
    "linalg_eigh": "eigenvalues eigenvectors",
    "linalg_inv_ex": "inverse info",
    "linalg_ldl_factor": "LD pivots",
    "linalg_ldl_factor_ex": "LD pivots info",
    "linalg_lstsq": "solution residuals rank singular_values",
    "linalg_lu": "P L U",
    "linalg_lu_factor": "LU pivots",
    "linalg_lu_factor_ex": "LU pivots info",
    "linalg_qr": "Q R",
    "linalg_slogdet": "sign logabsdet",
    "linalg_solve_ex": "result info",
    "linalg_svd": "U S Vh",
    "lu_unpack": "P L U",
    "geqrf": "a tau",
    "qr": "Q R",
    "slogdet": "sign logabsdet",
    "svd": "U S V",
    "triangular_solve": "solution cloned_coefficient",
}


def __getattr__(name: str) -> type:
    if name in _FIELDS:
        return named(name, *_FIELDS[name].split())
    raise AttributeError(f"module {__name__!r} (rushlight) has no attribute {name!r}")
