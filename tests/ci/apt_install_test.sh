#!/bin/sh
# SPDX-License-Identifier: MIT
# .ci/apt_install.sh on a root of its own, with a package manager that looks at what it is given.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/expect.sh"
script=$here/../../.ci/apt_install.sh

# A "server" that is new, with what "comes" along, and a "library" that was there.
mkdir "$work/bin"
cat >"$work/bin/apt-get" <<'SH'
#!/bin/sh
[ "$1" = install ] || exit 0
policy=0
"$EDDY_ROOT/usr/sbin/policy-rc.d" server start || policy=$?
echo "policy $policy" >>"$EDDY_ROOT/seen"
cat "$EDDY_ROOT/etc/postgresql-common/createcluster.d/"*.conf >>"$EDDY_ROOT/seen"
[ "${INTERRUPT:-}" = "" ] || kill -TERM "$PPID"
exit "${APT_STATUS:-0}"
SH
cat >"$work/bin/dpkg-query" <<'SH'
#!/bin/sh
case "$1 $2" in
-W*)
    echo 'ii  library'
    echo 'rc  removed'
    [ ! -e "$EDDY_ROOT/seen" ] || printf 'ii  server\nii  comes\n'
    ;;
'-L server')
    echo /usr/lib/systemd/system/server.service
    echo /lib/systemd/system/server-other.service
    echo /lib/systemd/system/server@.service
    echo /usr/bin/server
    ;;
'-L comes') echo /lib/systemd/system/comes.service ;;
'-L library') echo /lib/systemd/system/library.service ;;
esac
SH
cat >"$work/bin/deb-systemd-helper" <<'SH'
#!/bin/sh
echo "$*" >>"$EDDY_ROOT/seen"
SH
chmod +x "$work"/bin/*
PATH=$work/bin:$PATH

fresh_root() {
    EDDY_ROOT=$work/root
    export EDDY_ROOT
    rm -rf "$EDDY_ROOT"
    mkdir -p "$EDDY_ROOT/usr/sbin" "$EDDY_ROOT/etc"
}
install() {
    status=0
    sh "$script" server library >"$work/out" 2>&1 || status=$?
    echo $status
}
left() { (cd "$EDDY_ROOT" && find . -type f ! -name seen && find ./etc -mindepth 1) | sort | tr '\n' ' '; }
seen() { tr '\n' ',' <"$EDDY_ROOT/seen"; }
quiet='policy 101,create_main_cluster = false,'
disabled='disable server.service,disable server-other.service,disable comes.service,'

fresh_root
expect 'it installs' 0 "$(install)"
expect 'nothing starts, and only what is new is disabled' "$quiet$disabled" "$(seen)"
expect 'nothing is left' '' "$(left)"

fresh_root
expect 'a failure is one' 100 "$(APT_STATUS=100 install)"
expect 'nothing is left of a failure' '' "$(left)"

fresh_root
expect 'an interruption is one' 143 "$(INTERRUPT=1 install)"
expect 'nothing is left of an interruption' '' "$(left)"

# A machine with a policy, that lets everything start, and with PostgreSQL.
fresh_root
mkdir -p "$EDDY_ROOT/etc/postgresql-common/createcluster.d"
echo 'exit 0' >"$EDDY_ROOT/usr/sbin/policy-rc.d"
expect 'it installs there' 0 "$(install)"
expect 'nothing starts there' "$quiet$disabled" "$(seen)"
expect 'the policy is the old one' 'exit 0' "$(cat "$EDDY_ROOT/usr/sbin/policy-rc.d")"
expect 'the folder is still there' \
    './etc/postgresql-common ./etc/postgresql-common/createcluster.d ./usr/sbin/policy-rc.d ' "$(left)"

# After a run that was killed, with and without a policy of the machine's.
fresh_root
echo '# eddy: nothing is started while packages are installed' >"$EDDY_ROOT/usr/sbin/policy-rc.d"
expect 'it installs after a kill' 0 "$(install)"
expect 'what the killed run left is gone' '' "$(left)"
fresh_root
echo '# eddy: nothing is started while packages are installed' >"$EDDY_ROOT/usr/sbin/policy-rc.d"
echo 'exit 0' >"$EDDY_ROOT/usr/sbin/policy-rc.d.eddy"
expect 'it installs after another' 0 "$(install)"
expect 'what it replaced is back' 'exit 0' "$(cat "$EDDY_ROOT/usr/sbin/policy-rc.d")"
finish
