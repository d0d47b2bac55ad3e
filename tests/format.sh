#!/usr/bin/env bash
# Every C file is as clang-format 14 would write it (the version of Debian 12: another one has other opinions).
set -euo pipefail
cd "$(dirname "$0")/.."
find core vm guest tui tests docs \( -name '*.c' -o -name '*.h' -o -name '*.cc' \) -print0 |
    xargs -0 clang-format --dry-run -Werror
