"""Task of classifying images with one label each."""
