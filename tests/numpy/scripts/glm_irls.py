import numpy as np

rng = np.random.default_rng(42)
X = np.c_[np.ones(20), rng.normal(size=20)]
y = (rng.random(20) < 0.6).astype(float)


def result(w):
    beta = np.zeros(X.shape[1])
    for i in range(25):
        eta = X @ beta
        mu = 1 / (1 + np.exp(-eta))
        W = w * mu * (1 - mu)
        z = eta + (y - mu) / (mu * (1 - mu))
        XtW = X.T * W
        beta_new = np.linalg.solve(XtW @ X, XtW @ z)
        if np.allclose(beta, beta_new, rtol=0, atol=1e-14):
            break
        beta = beta_new
    se = np.sqrt(np.diag(np.linalg.inv(XtW @ X)))
    return np.concatenate((beta, se))


POINT = np.linspace(0.5, 1.5, 20)
