"""Picture of features: t-SNE by scikit-learn, from PCA, the same for the same features."""

from __future__ import annotations

import torch
from torch import Tensor

_SEED = 0
_LEAST_PERPLEXITY = 1.0
# Within these bounds float32 holds squared distances; beyond them scikit-learn embeds NaN, which ends the process.
_LEAST_SPREAD, _MOST_SPREAD = 2.0**-20, 2.0**20


def possible_perplexity(wanted: float, points: int) -> float:
    """Return ``wanted``, or less for few points: a third of the others, among which neighbours are sought.

    Source: van der Maaten's implementation (bhtsne), which refuses more.
    """
    return min(wanted, max(_LEAST_PERPLEXITY, (points - 1) / 3))


def t_sne(features: Tensor, perplexity: float) -> Tensor:
    """Embed features (N, C), N > 2, as points float32 (N, 2); ``perplexity`` must be below N.

    Barnes-Hut t-SNE (van der Maaten 2014) with scikit-learn's defaults, from the first two principal components.

    Raises:
        ValueError: features are not finite, or all the same.
    """
    from sklearn.manifold import TSNE

    picture = TSNE(perplexity=perplexity, init="pca", learning_rate="auto", random_state=_SEED)
    return torch.from_numpy(picture.fit_transform(_fit_for_squares(features).float().numpy())).float()


def _fit_for_squares(features: Tensor) -> Tensor:
    """Return the features (N, C), centred and scaled to a spread of 1 where theirs is too small or too large."""
    if not features.isfinite().all():
        raise ValueError("features are not finite")
    exact = features.double()
    spread = (exact.amax(dim=0) - exact.amin(dim=0)).max()
    if spread == 0:
        raise ValueError("all features are the same")
    fits = spread > torch.finfo(torch.float32).eps * exact.abs().max() and _LEAST_SPREAD <= spread <= _MOST_SPREAD
    return features if fits else (exact - exact.mean(dim=0)) / spread
