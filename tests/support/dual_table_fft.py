"""Functions of real arrays that go through numpy.fft."""

import numpy as np
from dual_checks import case
from dual_table_linalg import draws, of_complex

normal = draws(1)

ONE_AXIS = ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"]
TWO_AXES = ["fft2", "ifft2", "rfft2", "irfft2"]
ALL_AXES = ["fftn", "ifftn", "rfftn", "irfftn"]
OF_COMPLEX = ["fft", "ifft", "irfft", "hfft"]


def transform(name, **options):
    function = getattr(np.fft, name)
    label = ", ".join([name, *(f"{key}={value}" for key, value in options.items())])
    return label, lambda x: function(x, **options)


CASES = [
    *(
        case(*transform(name, **options), normal(4, 3, 5))
        for name in ONE_AXIS
        for options in (
            {}, {"axis": 0}, {"axis": -2, "norm": "ortho"}, {"n": 4, "norm": "forward"}, {"n": 7, "axis": 1}, {"n": 2},
        )
    ),
    *(
        case(*transform(name, **options), normal(4, 3, 5))
        for name in TWO_AXES
        for options in ({}, {"axes": (0, -1)}, {"s": (4, 6), "norm": "ortho"})
    ),
    *(
        case(*transform(name, **options), normal(4, 3, 5))
        for name in ALL_AXES
        for options in ({}, {"axes": (2, 0)}, {"axes": (-1,)}, {"s": (4, 6), "axes": (1, 0), "norm": "forward"})
    ),
    *(
        case(*transform(name, **options), normal(4, 3, 5))
        for name in ("fftshift", "ifftshift")
        for options in ({}, {"axes": 1}, {"axes": (0, -1)})
    ),
    *(
        case(f"{label} of complex", of_complex(function), normal(4, 5), normal(4, 5))
        for label, function in (transform(name, axis=0, n=6) for name in OF_COMPLEX)
    ),
    case("irfft2 of complex", of_complex(np.fft.irfft2), normal(2, 4, 3), normal(2, 4, 3)),
    case("ifftn of complex", of_complex(np.fft.ifftn), normal(2, 4), normal(2, 4)),
    case("fftshift of complex", of_complex(np.fft.fftshift), normal(5), normal(5)),
    case("power spectrum", lambda x: np.abs(np.fft.rfft(x)) ** 2, normal(8)),
    case("log amplitude and phase", lambda x: (np.log(abs(np.fft.fft(x))), np.angle(np.fft.fft(x))), normal(7)),
    case("filter", lambda x, w: np.fft.irfft(np.fft.rfft(x) * w, len(x)), normal(9), normal(5)),
    case("shift", lambda x: np.fft.ifft(np.fft.fft(x) * np.exp(-2j * np.pi * np.fft.fftfreq(6) * x[0])), normal(6)),
    case("spectral derivative", lambda x: np.fft.ifft(1j * np.fft.fftfreq(8) * np.fft.fft(x)).real, normal(8)),
]  # fmt: skip
