#!/bin/sh
# SPDX-License-Identifier: MIT
# As root: apt_install.sh PACKAGE... installs packages and leaves no service behind. Debian starts and
# enables a server that is installed, and PostgreSQL makes a database cluster; ours are installed for
# tests, which start servers of their own. What was on the machine before is left as it is.
set -eu
root=${EDDY_ROOT:-}  # for a test
policy=$root/usr/sbin/policy-rc.d
clusters=$root/etc/postgresql-common/createcluster.d
mark='# eddy: nothing is started while packages are installed'
made=

restore() {
    rm -f "$clusters/eddy.conf"
    for folder in $made; do
        rmdir "$folder" 2>/dev/null || true
    done
    if [ -e "$policy.eddy" ]; then
        mv -f "$policy.eddy" "$policy"
    else
        rm -f "$policy"
    fi
}
trap restore EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# It may be left from a run that was killed; then what it replaced is still beside it.
if [ -e "$policy" ] && ! grep -qF "$mark" "$policy"; then
    mv "$policy" "$policy.eddy"
fi
printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy"
chmod 755 "$policy"
for folder in "$root/etc/postgresql-common" "$clusters"; do
    if [ ! -d "$folder" ]; then
        mkdir "$folder"
        made="$folder $made"
    fi
done
echo 'create_main_cluster = false' >"$clusters/eddy.conf"

installed() { dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | sed -n 's/^.i. *//p'; }
before=$(installed)

apt-get update -q </dev/null ||  # a broken foreign repository must not stop us
    echo 'eddy: apt-get update failed, going on with the package lists at hand'
DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
    -o DPkg::Lock::Timeout=120 "$@" </dev/null

# Of what came along, too.
for package in $(installed | grep -vxF -e "$before"); do
    dpkg-query -L "$package" 2>/dev/null |
        sed -n 's,^\(/usr\)\{0\,1\}/lib/systemd/system/\([^/@]*\.service\)$,\2,p' |
        while read -r unit; do
            deb-systemd-helper disable "$unit" || true
            echo "eddy: $unit came with $package; it is not started, and not enabled"
        done
done
