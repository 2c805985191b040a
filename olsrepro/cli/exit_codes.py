"""Exit codes of the command line, on which scripts and schedulers can rely."""

from __future__ import annotations

DONE = 0
RUN_FAILED = 1
USER_MISTAKE = 2
INCOMPLETE = 3
CLAIM_FAILED = 4
HELD = 5
INTERRUPTED = 75  # EX_TEMPFAIL: a scheduler may requeue
BROKEN_OFF = 130

MEANINGS = """\
exit codes:
  0   done
  1   a run failed; its record says why
  2   a mistake in the command; one line says what is wrong and what to do
  3   with --strict: a table is incomplete
  4   with --strict: a claim fails
  5   another process is writing this run
  75  interrupted by a signal, checkpoint written; the same command resumes the run
  130 interrupted by Ctrl-C before anything could be saved"""
