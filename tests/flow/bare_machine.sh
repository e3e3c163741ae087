#!/bin/sh
# What a bare or a strict machine lacks is called by its name: no time zones are installed; nothing may be run from /tmp. Both are made by
# mounts that nobody else sees.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
own="unshare -m"
[ "$(id -u)" -eq 0 ] || own="unshare -rm"
here=$work/here
mkdir "$here"
if ! $own mount -t tmpfs -o noexec tmpfs "$here" 2>"$work/mount"; then
  echo "bare_machine.sh: skipped, for nothing can be mounted here: $(head -n 1 "$work/mount")"
  exit 77
fi
where() { # MOUNT-OPTIONS DIRECTORY COMMAND…
  $own sh -c 'mount -t tmpfs -o "$1" tmpfs "$2" && shift 2 && exec "$@"' sh "$@"
}

# ---- no time zones ----
run 3 where ro /usr/share/zoneinfo "$KAIROS" test "$KAIROS_SOURCE"
has 'timezone: no time zones are installed here: there is no /usr/share/zoneinfo/UTC (Debian has them in the package tzdata)$'
run 0 "$KAIROS" test "$KAIROS_SOURCE"

# ---- nothing may be run from where temporary files lie, or from where the data lies ----
run 3 where noexec "$here" env TMPDIR="$here" "$KAIROS" check "$KAIROS_SOURCE"
has "adherence.*svr.so: plugins are loaded from copies, here in $here/kairos-[^ ]*, whose file system is mounted noexec"
run 3 where noexec "$here" "$KAIROS" serve --data "$here/data" --program "$KAIROS_SOURCE" --listen 127.0.0.1:0
has "plugins are loaded from copies, here in $here/data/store, whose file system is mounted noexec"
run 0 where exec "$here" env TMPDIR="$here" "$KAIROS" check "$KAIROS_SOURCE"
