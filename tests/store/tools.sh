#!/bin/sh
# SPDX-License-Identifier: MIT
#
# tools.sh OWN_STORED - Xen's own xenstore tools, unchanged, on our store.
set -eu

own_stored=$1
for tool in ls read write list exists chmod rm watch; do
	if ! command -v "xenstore-$tool" >/dev/null; then
		echo "xenstore-$tool is not installed (package xenstore-utils)"
		exit 77
	fi
done

dir=$(mktemp -d /tmp/pvb-tools-XXXXXX)
mkfifo "$dir/input" "$dir/output"
"$own_stored" "$dir" <"$dir/input" >"$dir/output" &
daemon=$!
exec 3>"$dir/input" 4<"$dir/output"
trap 'exec 3>&-; wait $daemon || true; rm -rf "$dir"' EXIT
read -r word <&4
[ "$word" = ready ]
export XENSTORED_PATH="$dir/socket"

fail() {
	echo "tools.sh: $*" >&2
	exit 1
}

# same WHAT GOT WANTED
same() {
	[ "$2" = "$3" ] || fail "$1:
got:
$2
wanted:
$3"
}

xenstore-write -s /t/a one /t/a/b 'two words' /t/c ''
same read "$(xenstore-read -s /t/a /t/a/b)" "one
two words"
same list "$(xenstore-list -s /t | sort)" "a
c"
xenstore-exists -s /t/a/b || fail "/t/a/b is not there"
! xenstore-exists -s /t/none || fail "/t/none is there"
! xenstore-read -s /t/none 2>/dev/null || fail "/t/none was read"

xenstore-chmod -s /t/a n0 r5 b6
same 'ls -f -p' "$(xenstore-ls -s -f -p /t)" '/t/a = "one"   (n0,r5,b6)
/t/a/b = "two words"   (n0)
/t/c = ""   (n0)'
xenstore-chmod -s -r /t/a r0
same 'chmod -r' "$(xenstore-ls -s -f -p /t)" '/t/a = "one"   (r0)
/t/a/b = "two words"   (r0)
/t/c = ""   (n0)'
same 'ls' "$(xenstore-ls -s /t)" 'a = "one"
 b = "two words"
c = ""'

# A directory over the length of a message comes in parts.
i=0
set --
while [ $i -lt 700 ]; do
	set -- "$@" "/t/long/name-number-$i" x
	i=$((i + 1))
done
xenstore-write -s "$@"
same 'names of a long directory' "$(xenstore-list -s /t/long | wc -l)" 700

xenstore-watch -s -n 3 /t/a >"$dir/events" 3>&- 4<&- &
watcher=$!
# The first event says that the watch is set.
while [ ! -s "$dir/events" ] && kill -0 $watcher; do
	xenstore-exists -s /t/a || true
done
xenstore-write -s /t/a/b again
xenstore-rm -s /t/a
wait $watcher
same watch "$(cat "$dir/events")" "/t/a
/t/a/b
/t/a"
! xenstore-exists -s /t/a || fail "/t/a is still there"

# Found by its other variable as well.
unset XENSTORED_PATH
XENSTORED_RUNDIR=$dir xenstore-exists -s /t/c || fail "no XENSTORED_RUNDIR"

for tester in /usr/lib/xen-4.*/bin/test-xenstore; do
	[ -x "$tester" ] || continue
	XENSTORED_RUNDIR=$dir "$tester" || fail "$tester failed"
done
