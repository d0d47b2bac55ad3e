#!/usr/bin/env bash
# Commands of the user's own: found by key, menu and palette, asked for, confirmed, run with whole arguments, and their
# output where it belongs.
#     test_commands.sh HOLM
set -euo pipefail
holm=$1
. "$(dirname "$0")/screen.sh"
mkdir -p "$folder/c/holm"
cat >"$folder/c/holm/config.toml" <<'END'
[[command]]
name = "show words"
key = "W"
context = "container"
run = ["printf", "[%s]\\n", "{{name}}", "{{image}}", "{{what}}"]
ask = ["what"]
output = "pane"
read-only = true

[[command]]
name = "ask first"
key = "ctrl-k"
run = ["sh", "-c", "echo something is wrong >&2; touch \"$1\"; exit 3", "sh", "{{file}}"]
ask = ["file"]
confirm = true

[[command]]
name = "whole screen"
key = "ctrl-t"
run = ["sh", "-c", "echo it has the $(stty size)"]
output = "terminal"

[[command]]
name = "stops"
key = "ctrl-o"
run = ["sh", "-c", "echo it begins; kill -TSTP 0; echo it goes on"]
output = "terminal"

[[command]]
name = "long one"
run = ["sleep", "1000"]

[[command]]
name = "not there"
run = ["/nonexistent/program"]
END
setup_busybox "$holm"
"$holm" create --name box busybox >/dev/null

echo quay.example/was/pulled:1 >"$folder/d/holm/history-pull"
start_screen dash 120 34 "'$holm'; echo left with \$?; exec sleep 1000"
expect "box"
keys x
expect "show words" # in the menu
keys Escape
gone "Runs: printf"
keys '?'
expect "Runs: printf" # in help
keys Escape
gone "Runs: printf"

keys W
expect "show words: what"
keys Up # what was pulled is no answer to this
keys -l "\$(touch $folder/hurt); 'a' \"b\" *"
keys Enter
expect "[box]"
expect "[docker.io/library/busybox:latest]"
expect "[\$(touch $folder/hurt); 'a' \"b\" *]" # a value stays one argument, and no shell has read it
expect "show words: done"

keys C-k
expect "ask first: file"
keys -l "$folder/a file"
keys Enter
expect "something is wrong >&2" # the question shows what it is about
[ ! -e "$folder/a file" ]
keys y
expect "exit code 3"
[ -e "$folder/a file" ]
expect "something is wrong" # its last line

keys C-t
expect "it has the 34 120"
expect "Enter goes back"
keys Enter
expect "? help"

keys p
expect "pull an image"
keys Up
expect "quay.example/was/pulled:1"
keys Escape
gone "quay.example"

keys :
keys -l "long one"
keys Enter
keys 5 g # what runs comes first
expect "running"
keys d
expect "ended by signal TERM"

keys :
keys -l "not there"
keys Enter
expect "cannot be started"
# What only the command line does: it is completed here, and run.
keys 2 x
expect "registry log in" # where images are
keys -l "save"
keys Enter
expect "--compress=METHOD"
keys -l "'$folder/an archive.tar'"
keys Enter
expect "archive.tar': done"
[ -s "$folder/an archive.tar" ]
keys 2 x
keys -l "history"
keys Enter
expect "CREATED"
keys :
keys -l "volume create"
keys Enter
expect "--size=SIZE"
keys -l "made --size 1G"
keys Enter
expect "holm volume create made --size 1G: done"
"$holm" volume inspect made >/dev/null
keys 2 x
keys -l "remove from the registry"
keys Enter
keys Enter # it asks on the terminal
expect "Go on? [y/N]"
keys n Enter
expect "Enter goes back"
keys Enter
expect "? help"
keys q
expect "left with 0"
[ ! -e "$folder/hurt" ]

# What only reads is also for a view that changes nothing.
start_screen reader 120 34 "'$holm' --read-only; exec sleep 1000"
expect "box" 30 reader
"${tmux[@]}" send-keys -t reader C-k
expect "this is a read-only view" 30 reader
"${tmux[@]}" send-keys -t reader 1 w
expect "connect changes something" 30 reader
"${tmux[@]}" send-keys -t reader W
expect "show words: what" 30 reader

# What stops with the terminal in its hand stops the dashboard too: the shell has it then, and goes on with both.
start_screen jobs 120 34 "bash --norc -i"
"${tmux[@]}" send-keys -t jobs -l "'$holm'"
"${tmux[@]}" send-keys -t jobs Enter
expect "box  " 30 jobs
"${tmux[@]}" send-keys -t jobs C-o
expect "it begins" 30 jobs
expect "Stopped" 30 jobs
"${tmux[@]}" send-keys -t jobs -l fg
"${tmux[@]}" send-keys -t jobs Enter
expect "it goes on" 30 jobs
expect "Enter goes back" 30 jobs
"${tmux[@]}" send-keys -t jobs Enter
expect "box  " 30 jobs

# A key that is taken, and what makes no sense, are errors with both names, file and line.
config=$folder/c/holm/config.toml
printf '\n[[command]]\nname = "clash"\nkey = "s"\ncontext = "container"\nrun = ["true"]\n' >"$config"
start_screen clash 180 20 "'$holm'; echo left with \$?; exec sleep 1000"
expect "config.toml:2" 30 clash
expect "both container.stop and command.clash" 30 clash
expect "left with 125" 30 clash
printf '[[command]]\nname = "x"\ncontext = "container"\nrun = ["sh", "-c", "echo {{name}}"]\n' >"$config"
error=$("$holm" ls 2>&1) && exit 1
grep -q "config.toml:1: run: " <<<"$error"
grep -qF '"$1"' <<<"$error"
rm "$config"
echo "the commands did what they were told"
