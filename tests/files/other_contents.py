"""What lies in the place of a file, and how it is named."""

from __future__ import annotations

OTHER_CONTENT = {
    b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n": "a Git LFS pointer (run `git lfs pull`)",
    b"<!DOCTYPE html>\n<html><body>404</body></html>": "a web page",
    b"\xef\xbb\xbf\r\n  <HTML>Sign in</HTML>": "a web page",
    b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>": "a web page",
    b"": "empty",
}
