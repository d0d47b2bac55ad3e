#!/usr/bin/env bash
# vim, less, mc's editor, tmux, vttest, htop and mc in a console of the dashboard, on a real container. Beside it, in a plain
# terminal of the console's size, the same programs get the same keys: every cell must be the same. (htop and mc show
# another machine there.)
#     test_programs.sh HOLM
set -euo pipefail
holm=$1
for program in vim less htop mc mcedit tmux vttest; do
    command -v $program >/dev/null || { echo "skipped: $program is not installed"; exit 77; }
done
. "$(dirname "$0")/screen.sh"

both() {
    keys "$@"
    "${tmux[@]}" send-keys -t beside "$@"
}
expect_both() {
    expect "$1" 60
    expect "$1" 60 beside
}
# expect_prompt LINE: until the container's shell waits behind it. What is typed before that, it may lose.
expect_prompt() {
    local until=$((SECONDS + 60))
    until show | grep -A1 -F -- "$1" | grep -q '^│~ # *│'; do
        if [ $SECONDS -ge $until ]; then
            echo "the shell does not wait behind \"$1\":" >&2
            show >&2
            exit 1
        fi
        sleep 0.1
    done
}
# The console is the dashboard without its first and last line and the frame.
resize() {
    "${tmux[@]}" resize-window -t dash -x "$1" -y "$2"
    "${tmux[@]}" resize-window -t beside -x $(($1 - 2)) -y $(($2 - 4))
}
capture() { "${tmux[@]}" capture-pane -eNp -t "$1" >"$folder/$1.cells"; }
# expect_same WHAT: until the console is cell for cell like the terminal beside it.
expect_same() {
    local until=$((SECONDS + 30))
    until capture dash && capture beside && "$here/compare_cells.py" "$folder/beside.cells" "$folder/dash.cells" \
        >"$folder/differences"; do
        if [ $SECONDS -ge $until ]; then
            echo "$1 is not as it is without holm:" >&2
            cat "$folder/differences" >&2
            show >&2
            exit 1
        fi
        sleep 0.1
    done
    echo "the same: $1"
}

"$here/../../tools/programs_image.sh" "$holm" tools:latest vim less htop mc mcedit tmux vttest
start_screen dash 120 34 "TERM=tmux-256color COLORTERM=truecolor '$holm'; echo left with \$?; exec sleep 1000"
expect "tools"
keys 2 Enter
expect "the same as"
keys "desk" Enter
expect "/ #" 240
keys C-p C-z
# Some show the path of a file: it is the same.
keys "mkdir -p $folder/beside; cd $folder/beside; PS1='~ # '; export HOME=\$PWD LC_ALL=C.UTF-8 TERM=xterm-256color COLORTERM=truecolor; stty size" Enter
expect "30 118"
mkdir "$folder/beside"
start_screen beside 118 30 "cd '$folder/beside'; TERM=xterm-256color COLORTERM=truecolor HOME='$folder/beside' TMPDIR='$folder' TMUX_TMPDIR='$folder' sh"

# vim: write a program, see its colours, two windows, save.
both "vim -u DEFAULTS -i NONE --cmd 'set background=dark' -c 'set formatoptions=' story.sh; echo left vim" Enter
expect_both '"story.sh" [New]'
# vim leaves its ruler out where an answer of the terminal comes while it draws: how soon that is differs.
both C-l
expect_both "0,0-1"
expect_same "vim with an empty file"
both i '#!/bin/sh' Enter 'for word in déjà 日本 "x y"; do echo "$word"; done # wide' Enter Enter 'exit 7' Escape
expect_both "exit 7"
expect_same "vim with text"
both ':syntax on' Enter ':set number hlsearch' Enter ':split' Enter '/word' Enter
expect_same "vim in two windows"
resize 100 28
expect_same "vim, smaller"
resize 132 40
expect_same "vim, larger"
both 'Gp:w' Enter
expect_both "written"
expect_same "vim after saving"
both ':qa' Enter
expect_prompt "left vim"
keys 'clear; sh story.sh; echo gave $?' Enter
expect "gave 7"
cmp <("$holm" exec desk cat "$folder/beside/story.sh") "$folder/beside/story.sh"
echo "vim is usable in the console"

# less: wide characters and colours, a search, its way to the end and back, a line too long, a new size.
# busybox has a less of its own.
line='for i in $(seq 400); do printf "%03d \033[3%dmcolour\033[0m déjà 日本 %0*d\n" $i $((i % 8)) $((i % 90 * 2)) $i; done >text'
both "clear; $line; echo made" Enter
expect_prompt "made"
both 'env -u LESS /usr/bin/less -R text; echo left less' Enter
expect_both "001 colour"
expect_same "less at the beginning"
both '/250 ' Enter
expect_both "250 colour"
expect_same "less after a search"
both 'G'
expect_both "(END)"
expect_same "less at the end"
both -l -- '-S'
both Enter
both 'g'
expect_both "001 colour"
both Right
expect_same "less with long lines cut"
resize 90 26
expect_same "less, smaller"
both 'q'
expect_prompt "left less"
echo "less is usable in the console"

# mc's editor: colours, a search, boxes, function keys.
both 'clear; mcedit -c -x text; echo left mcedit' Enter
expect_both "001 "
both F7
expect_both "Enter search string"
expect_same "mcedit with a question"
both -l '077 '
both Enter
expect_both "077 "
both End 'new words' F2
expect_both "Confirm save file"
both Enter
expect_same "mcedit after saving"
resize 118 30
expect_same "mcedit, larger"
both F10
expect_prompt "left mcedit"
echo "mcedit is usable in the console"

# tmux in the console: windows side by side and above each other, a status line, its copy mode.
both "clear; tmux -L inner -f /dev/null new-session 'seq 60; cat' \\; set -g status-right '' \\; set -g status-left 'inside ' \\; set -g assume-paste-time 0 \\; set -g automatic-rename off \\; rename-window it \\; set -g default-command cat" Enter
expect_both "inside 0:it"
expect_both "60"
both C-b %
both C-b '"'
expect_same "tmux in three parts"
both C-b o C-b '['
both PageUp
expect_same "tmux looking back"
both q
expect_both "inside 0:it*"
expect_same "tmux as before"
both C-b ':'
expect_same "tmux with a prompt"
both -l 'kill-server'
expect_both "kill-server"
both Enter
expect_prompt "[server exited]"
echo "tmux is usable in the console"

# vttest's screens of 80 columns. What differs is where tmux is not a VT100, and the console is: the light background, the
# origin, the character sets; and there are no 132 columns in either.
resize 82 28
both 'clear; vttest; echo left vttest' Enter
# expect_next SCREEN BEFORE: until it shows another text, and its program waits for a key.
expect_next() {
    local until=$((SECONDS + 30))
    until [ "$(show "$1" | sed 1,2d)" != "$2" ] && show "$1" | grep -q 'RETURN>\|Choose test'; do
        if [ $SECONDS -ge $until ]; then
            echo "no other screen comes:" >&2
            show "$1" >&2
            exit 1
        fi
        sleep 0.1
    done
}
vttest() {
    local item=$1 screen=0 seen other
    shift
    expect_both "Choose test type"
    seen=$(show dash | sed 1,2d) other=$(show beside | sed 1,2d)
    both "$item" Enter
    while true; do
        expect_next beside "$other"
        expect_next dash "$seen"
        if shows "Choose test type" beside; then break; fi
        screen=$((screen + 1))
        case " $* " in
        *" $screen "*) ;;
        *) expect_same "vttest, screen $screen of test $item" ;;
        esac
        seen=$(show dash | sed 1,2d) other=$(show beside | sed 1,2d)
        both Enter
    done
    [ $screen -gt 5 ] || { echo "vttest has shown only $screen screens of test $item" >&2; exit 1; }
}
vttest 2 3 4 11 14 15
vttest 8 13
expect_both "Choose test type"
both 0 Enter
expect_prompt "left vttest"
echo "vttest is what it should be"
resize 120 34

# mc: its two sides, its viewer, and all of it gone again.
keys 'clear; mc -x; echo left mc' Enter
expect "text" 60
keys End F3
expect "001 " 60
keys F10
keys F10
expect_prompt "left mc"
echo "mc is usable in the console"

# htop: its own machine and nothing else, its keys, and all of it gone again at the end.
keys 'sleep 4321 & clear; HOME=/nowhere /usr/bin/htop; echo left htop' Enter
expect "Load average" 60
expect "sleep 4321"
keys F4 'sleep 43'
expect "Filter: sleep 43"
keys Enter F9
expect "Send signal:"
keys Enter
keys F10
expect_prompt "Terminated" # what htop has ended
expect "left htop"
echo "htop is usable in the console"
