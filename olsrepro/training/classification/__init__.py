"""The task of classifying images of one label each."""
