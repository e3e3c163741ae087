#!/bin/sh
# Files change as editors, copies and version control change them, while requests are answered: each settled change is one activation at most
# and the last state of the files is what is live in the end; what says nothing new activates nothing; nothing crashes; and every decision
# is of the program that its journal names (replay --verify).
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
export KAIROS_URL
p=$work/p
small_program "$p"
more_triggers "$p" 60
start "$work/data" --program "$p"
KAIROS_URL=$url
calls_begin 4 300 200

lives() { grep -c ' is live (' "$work/serve.log" || true; }
wanted() { "$KAIROS" check "$p" --json 2>/dev/null | sed 's/^{"program":"\([0-9a-f]*\)".*/\1/'; }
# settled WHAT MOST: the directory's state is live, after at most so many activations, and one more for each silence of 200 ms that there
# can have been on a machine that was busy with other things meanwhile
settled() {
  most=$(($2 + ($(date +%s%N) - begun) / 200000000))
  becomes "$1" is_live "$(wanted)"
  sleep 0.5
  more=$(($(lives) - before))
  [ $more -le "$most" ] || say "$1: $more activations, expected at most $most"
  before=$(lives)
  begun=$(date +%s%N)
}
before=$(lives)
begun=$(date +%s%N)
text() { echo "trigger \"t$1\" { why = \"A test.\", on = { \"check_in\" }, when = \"event.stressLevel > $2\", offer = { \"breathe\" } }"; }

# vim: tries whether it may write, moves the old file aside, writes a new one, removes the old one
: >"$p/rules/4913"
rm "$p/rules/4913"
mv "$p/rules/t1.lua" "$p/rules/t1.lua~"
text 1 8.1 >"$p/rules/t1.lua"
rm "$p/rules/t1.lua~"
settled vim 1
# emacs: a lock that is a link to nowhere, an autosave, a copy as backup
ln -s "somebody@somewhere.123" "$p/rules/.#t2.lua"
text 2 8.2 >"$p/rules/#t2.lua#"
cp "$p/rules/t2.lua" "$p/rules/t2.lua~"
text 2 8.2 >"$p/rules/t2.lua"
rm "$p/rules/.#t2.lua" "$p/rules/#t2.lua#"
settled emacs 1
# another file renamed over it, as sed -i and many editors do
text 3 8.3 >"$p/rules/.t3.lua.XXXX"
mv "$p/rules/.t3.lua.XXXX" "$p/rules/t3.lua"
settled "a rename" 1
# cut off and written again in pieces, each within the silence that counts
text 4 8.4 >"$work/t4"
: >"$p/rules/t4.lua"
for piece in 1 2 3 4; do
  dd if="$work/t4" of="$p/rules/t4.lua" bs=20 count=$piece 2>/dev/null
done
cp "$work/t4" "$p/rules/t4.lua"
settled pieces 1
# touched, and written with the same bytes: nothing new
touch "$p"/rules/*.lua
cp "$work/t4" "$p/rules/t4.lua"
sleep 0.5
begun=$(date +%s%N)
settled "the same bytes" 0
# a branch of sixty files: checked out in place, as git does: removed and written one by one
i=4
while [ $i -lt 60 ]; do
  i=$((i + 1))
  rm "$p/rules/t$i.lua"
  text $i "7.$i" >"$p/rules/t$i.lua"
done
settled "a checkout" 1
# a whole tree swapped by two renames; and removed and copied again
cp -r "$p" "$work/q"
rm "$work"/q/rules/t5*.lua
mv "$p" "$work/old"
mv "$work/q" "$p"
settled "a swapped tree" 1
cp -r "$p" "$work/q"
text 1 6.1 >"$work/q/rules/t1.lua"
rm -r "$p"
cp -r "$work/q" "$p"
settled "a copied tree" 1
# there and back within the silence
text 1 6.5 >"$p/rules/t1.lua"
cp "$work/q/rules/t1.lua" "$p/rules/t1.lua"
settled "there and back" 0

calls_end
cat "$work/calling.out"
stop
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
