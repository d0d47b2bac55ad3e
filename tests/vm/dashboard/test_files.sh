#!/usr/bin/env bash
# The files tab on a real container: hostile names, links that lead out, 5,000 entries, what goes meanwhile, copies both
# ways, and the same folder once it does not run.
#     test_files.sh HOLM
set -euo pipefail
holm=$1
. "$(dirname "$0")/screen.sh"
absent() {
    if shows "$1"; then
        echo "\"$1\" is on the screen:" >&2
        show >&2
        exit 1
    fi
}

# filter TEXT, unfilter: shows only names that hold it, or all again. (A key right behind an escape would make an alt of it.)
filter() {
    filtered=$1
    keys / "$1"
    expect "1 of"
    keys Enter
}
unfilter() {
    keys Escape
    gone " / $filtered"
}

setup_busybox "$holm"
"$holm" run -d --name box busybox sleep 100000 >/dev/null
"$holm" exec box sh -c '
    mkdir -p /look/sub /look/shut /look/many /look/meanwhile && cd /look
    printf "first line\n\tindented \033[31mred\n" >text && printf "a\0b" >binary && head -c 300000 /dev/zero | tr "\0" x >long
    touch "$(printf "bad\377name")" "$(printf "esc\033]0;title\a")" "$(printf "two\nlines")" -- -rf
    printf secret >shut/inside && chmod 0 shut && chown 65534:65534 text && chmod 4750 text
    ln -s ../../../.. out && ln -s sub in && ln -s /nowhere gone && mkfifo pipe
    cd many && seq 10000 14999 | sed s,^,n, | xargs touch'
echo outside >"$folder/brought"

start_screen dash 80 24 "cd '$folder' && '$holm'; echo left with \$?; exec sleep 1000"
expect "box"
keys f
expect "NAME"
filter loo
keys Enter
expect "/look"
expect "out -> ../../../../"
expect "in -> sub/"
expect "gone -> nothing: "
expect 'bad\xffname'
expect 'esc\x1b]0;title\x07'
expect 'two\nlines'
expect "-rwsr-x---"
expect "nobody:nogro"
expect "pipe|"
[ "$("${tmux[@]}" display-message -p -t dash '#{pane_title}')" != title ]

filter text # what a file holds is made safe
keys Enter
expect '        indented \x1b[31mred'
keys Left
gone "indented"
unfilter
filter long
keys Enter
expect "293K, the first 256K of it"
keys Escape
gone "the first 256K"
unfilter
filter binary
keys Enter
expect "that file is no text"
unfilter

filter out # out of the root it does not lead
keys Enter
expect "/look/out"
expect "etc/"
keys Left
expect "out -> "
filter shut # no mode shuts it
keys Enter
expect "inside"
keys BSpace
gone "inside"
filter many
keys Enter
expect "4096 entries, and 904 more" 60
keys End
expect "n14095"
keys Left
gone "n14095"
filter meanw # removed while it is looked at
"$holm" exec box rmdir /look/meanwhile
keys Enter
expect "No such file or directory"
keys r
gone "No such file or directory"
unfilter
absent "meanwhile"

filter -rf # what looks like an option, copied out under another name
keys d
expect "copy -rf to"
keys C-u "./copied" Enter
expect "copied: done" 60
[ -f "$folder/copied" ]
keys d
expect "copy -rf to"
keys C-u "nowhere/at/all" Enter
expect "exit code" 60
unfilter
keys u
expect "copy into /look"
keys "brought" Enter
expect "/look/: done" 60
filter brought
unfilter
[ "$("$holm" exec box cat /look/brought)" = outside ]

"$holm" stop -t 1 box >/dev/null # what is shown comes from its disk now
expect "65534:65534" 60
filter brought
keys Enter
expect "outside"
keys Left
gone "outside"
unfilter
keys u
expect "it does not run"
keys Escape
gone "/look "
"$holm" rm box
expect "no containers yet" 60
keys q
expect "left with 0"
echo "the files tab shows and copies what is there"
