#!/usr/bin/env bash
# docs.sh BUILD: the pages made from tables are as the tables are, the manual pages are sound, README shows the
# dashboard as it is, and links lead somewhere.
set -euo pipefail
build=$1
cd "$(dirname "$0")/.."
failed=
for page in commands keys config; do
    if ! "$build/docs/holm-reference" "$page" | diff -u "docs/$page.md" - | head -n 20; then
        echo "docs/$page.md is behind its table: ninja -C build/release reference" >&2
        failed=1
    fi
done
for page in "$build"/share/man/man?/*; do
    warnings=$(LC_ALL=C.UTF-8 groff -man -ww -z -Kutf8 "$page" 2>&1)
    if [ -n "$warnings" ]; then echo "$page: $warnings" >&2; failed=1; fi
done
for page in README.md docs/*.md; do
    while read -r link; do
        if [ ! -e "$(dirname "$page")/$link" ]; then echo "$page: nothing at $link" >&2; failed=1; fi
    done < <(grep -oE '\]\([^)#: ]+' "$page" | cut -c3-)
done
# Pictures are golden screens, with their empty rows left out: "<!-- picture NAME -->" stands before each.
picture() { grep -vxE '│ +│' | sed 's/ *$//'; }
for page in README.md docs/*.md; do
    while read -r name; do
        if ! diff <(head -n 24 "tests/tui/golden/$name.txt" | sed 's/|$//' | picture) \
            <(awk -v mark="<!-- picture $name -->" '$0 == mark { on = 1; next } /^```/ { if (on) on++; next } on == 2' \
                "$page" | picture) >&2; then
            echo "$page shows another dashboard than tests/tui/golden/$name.txt" >&2
            failed=1
        fi
    done < <(sed -n 's/^<!-- picture \(.*\) -->$/\1/p' "$page")
done
[ -z "$failed" ]
