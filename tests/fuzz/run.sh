#!/usr/bin/env bash
# run.sh PROGRAM CORPUS [SECONDS]: fuzzes from the committed corpus into a folder of its own, and prints the coverage.
# libFuzzer exits non-zero on a crash, a leak, a time-out or too much memory, and that fails the test.
set -euo pipefail
program=$1 corpus=$2 seconds=${3:-${HOLM_FUZZ_SECONDS:-60}}
if [ ! -x "$program" ]; then echo "not built: $program (cmake --preset clang)"; exit 77; fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/new"
seeds=()
if [ -d "$corpus" ]; then seeds=("$corpus"); fi
cd "$folder"
"$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$folder/" "$folder/new" "${seeds[@]}" >"$folder/log" 2>&1 || {
    tail -n 60 "$folder/log"
    for artifact in "$folder"/{crash,leak,timeout,oom}-*; do
        if [ -f "$artifact" ]; then echo "reproducer, base64:"; head -c 4096 "$artifact" | base64; fi
    done
    exit 1
}
grep -E 'cov: ' "$folder/log" | tail -n 1
grep -E 'number_of_executed_units' "$folder/log" || true
