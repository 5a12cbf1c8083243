from numpy import *  # noqa: F403
from numpy import fft as fft, linalg as linalg
