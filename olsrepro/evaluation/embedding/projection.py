"""Picture of features: t-SNE by scikit-learn, from PCA, the same for the same features."""

from __future__ import annotations

import torch
from torch import Tensor

_SEED = 0
_LEAST_PERPLEXITY = 1.0


def possible_perplexity(wanted: float, points: int) -> float:
    """Return ``wanted``, or less for few points: a third of the others, among which neighbours are sought.

    Source: van der Maaten's implementation (bhtsne), which refuses more.
    """
    return min(wanted, max(_LEAST_PERPLEXITY, (points - 1) / 3))


def t_sne(features: Tensor, perplexity: float) -> Tensor:
    """Embed features (N, C), N > 2, as points float32 (N, 2); ``perplexity`` must be below N.

    Barnes-Hut t-SNE (van der Maaten 2014) with scikit-learn's defaults, from the first two principal components.
    """
    from sklearn.manifold import TSNE

    picture = TSNE(perplexity=perplexity, init="pca", learning_rate="auto", random_state=_SEED)
    return torch.from_numpy(picture.fit_transform(features.float().numpy())).float()
