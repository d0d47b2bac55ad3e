#!/bin/sh
# no_reports.sh COMMAND…: runs a test of the sanitized tree; fails, too, if a sanitizer has said anything of what it started.
SANITIZER_REPORTS=$(mktemp) || exit 1
export SANITIZER_REPORTS
trap 'rm -f "$SANITIZER_REPORTS"' EXIT
status=0
"$@" || status=$?
if [ -s "$SANITIZER_REPORTS" ]; then
    cat "$SANITIZER_REPORTS"
    exit 1
fi
exit $status
