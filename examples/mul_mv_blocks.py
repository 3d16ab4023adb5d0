import numpy as np


def mul_mv(args, matrix, vectors):
    scales = np.array([block["scale"] for block in matrix])
    codes = np.array([block["codes"] for block in matrix], dtype=int)
    values = np.concatenate([codes & 15, codes >> 4], axis=1) - 8.0
    weights = (values * scales[:, None]).reshape(args["rows"], args["terms"])
    return vectors.astype(np.float64) @ weights.T
