# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Sourced from the top of the checkout. eddy_deps GROUP... installs what the groups need and the
# machine lacks; it touches the package manager only if something is missing. A group is what one part
# needs, so that nobody has to install what only others use.

# group | Debian package | what tells that it is there | what it is for
eddy_dep_table='
build|g++|eddy_has_gxx|the compiler, 12 or newer
build|cmake|eddy_has_cmake|the build, 3.24 or newer
build|ninja-build|command -v ninja|the build
build|pkg-config|command -v pkg-config|finding libraries
build|libuv1-dev|pkg-config --atleast-version=1.44 libuv|the event loop
build|libspdlog-dev|eddy_has_header spdlog/spdlog.h|the log
openssl|libssl-dev|eddy_has_header openssl/evp.h|the digests of the main sample
tests|doctest-dev|eddy_has_header doctest/doctest.h|the tests
node|nodejs|command -v node|the sample for Node
node|libnode-dev|eddy_has_node_headers|its headers
glib|libglib2.0-dev|pkg-config --exists glib-2.0|the samples for programs of GLib
libpq|libpq-dev|pkg-config --exists libpq|the sample for PostgreSQL
postgres|postgresql|eddy_has_postgres|its server, for the test of that sample
redis|redis-tools|command -v redis-benchmark|the clients of a sample
redis|redis-server|command -v redis-server|what it is compared with
bench|libboost1.81-dev|eddy_has_header boost/asio.hpp|the comparison with Boost.Asio
clang|clang-19|command -v clang++-19|the second compiler
clang|libclang-rt-19-dev|eddy_has_tsan|its thread sanitizer
clang|libc++-19-dev|eddy_has_libcxx|its standard library
clang|libc++abi-19-dev|eddy_has_libcxx|what that one stands on
libuv|dpkg-dev|command -v dpkg-source|unpacking the libuv of a newer Debian
libuv|debian-archive-keyring|test -e /usr/share/keyrings/debian-archive-keyring.gpg|its signature
valgrind|valgrind|command -v valgrind|memory that was never written
coverage|llvm-19|command -v llvm-cov-19|which lines no test reaches
lint|clang-format-19|command -v clang-format-19|the format check
lint|clang-tidy-19|command -v clang-tidy-19|the static analysis
lint|clang-tools-19|command -v clang-query-19|the lint for coroutine faults of g++
'

eddy_version_at_least() { # FOUND MAJOR MINOR
    printf '%s\n' "$1" | awk -F. -v a="$2" -v b="$3" '{ exit !($1 > a || ($1 == a && $2 >= b)) }'
}
eddy_has_gxx() { command -v g++ && eddy_version_at_least "$(g++ -dumpversion).0" 12 0; }
eddy_has_cmake() {
    command -v cmake &&
        eddy_version_at_least "$(cmake --version | sed -n '1s/[^0-9]*//p')" 3 24
}
eddy_has_header() { printf '#include <%s>\n' "$1" | g++ -std=c++20 -E -x c++ -; }
# Those of a node that is not the system's are not the system's either: without them the sample is skipped.
eddy_has_node_headers() {
    node -e 'const path = require("node:path"), fs = require("node:fs");
        process.exit(process.config.variables.node_shared_libuv === true &&
            !fs.existsSync(path.join(process.execPath, "../../include/node/node_api.h")) ? 1 : 0);'
}
eddy_has_postgres() { command -v initdb || ls /usr/lib/postgresql/*/bin/initdb; }
eddy_has_tsan() {
    printf 'int main() {}\n' | clang++-19 -fsanitize=thread -x c++ - -o /dev/null
}

eddy_has_libcxx() {
    printf '#include <version>\nint main() {}\n' |
        clang++-19 -stdlib=libc++ -x c++ - -o /dev/null
}

# Prints "package|purpose" for everything that the groups need and the machine lacks.
eddy_deps_missing() {
    printf '%s\n' "$eddy_dep_table" | while IFS='|' read -r group package probe purpose; do
        case " $* " in *" $group "*) ;; *) continue ;; esac
        # shellcheck disable=SC2086  # The probe is a command line.
        $probe >/dev/null 2>&1 </dev/null || printf '%s|%s\n' "$package" "$purpose"
    done
}

eddy_as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif [ -t 0 ]; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

eddy_deps() {
    eddy_missing=$(eddy_deps_missing "$@")
    [ -n "$eddy_missing" ] || return 0
    eddy_packages=$(printf '%s\n' "$eddy_missing" | cut -d'|' -f1 | tr '\n' ' ')

    printf 'eddy: missing here:\n' >&2
    printf '%s\n' "$eddy_missing" | sed 's/\(.*\)|\(.*\)/  \1 (\2)/' >&2

    if ! command -v apt-get >/dev/null 2>&1; then
        eddy_other_manager
        return 1
    fi
    if ! eddy_as_root true >&2; then
        printf 'eddy: this needs root or sudo. As root, run: apt-get install %s\n' \
            "$eddy_packages" >&2
        return 1
    fi

    printf 'eddy: installing with apt-get\n' >&2
    # shellcheck disable=SC2086  # A list of words.
    if ! eddy_as_root sh ./.ci/apt_install.sh $eddy_packages </dev/null >&2; then
        printf 'eddy: apt-get could not install: %s\n' "$eddy_packages" >&2
        printf '      A newer system (Debian 12 or later) has them all.\n' >&2
        return 1
    fi

    eddy_missing=$(eddy_deps_missing "$@")
    [ -n "$eddy_missing" ] || return 0
    printf 'eddy: installed, but still not good enough (too old?):\n' >&2
    printf '%s\n' "$eddy_missing" | sed 's/\(.*\)|\(.*\)/  \1 (\2)/' >&2
    return 1
}

eddy_other_manager() {
    printf 'eddy: no apt-get here. Please install the packages above; their names are\n' >&2
    cat >&2 <<'NAMES'
  Fedora  dnf install gcc-c++ cmake ninja-build pkgconf-pkg-config libuv-devel spdlog-devel
              openssl-devel doctest-devel glib2-devel libpq-devel postgresql-server redis boost-devel
              clang clang-tools-extra compiler-rt
  Arch    pacman -S gcc cmake ninja pkgconf libuv spdlog openssl doctest glib2 postgresql redis boost
              clang compiler-rt
  SUSE    zypper install gcc-c++ cmake ninja pkg-config libuv-devel spdlog-devel
              libopenssl-devel doctest-devel glib2-devel postgresql-devel postgresql-server redis
              libboost_headers-devel clang clang-tools
  Alpine  apk add g++ cmake ninja-build pkgconf libuv-dev spdlog-dev openssl-dev doctest-dev
              glib-dev libpq-dev postgresql redis boost-dev clang clang-extra-tools compiler-rt
  macOS   brew install cmake ninja pkg-config libuv spdlog openssl doctest glib postgresql redis boost
              llvm
NAMES
    printf '      or let CMake fetch the libraries: cmake --preset dev -DEDDY_FETCH_DEPS=ON\n' >&2
}

# The groups that a sample needs beside "build"; or those of all, and of their tests: samples/needs.
eddy_sample_needs() { # [SAMPLE]
    awk -v sample="${1:-}" '/^#/ { next }
        sample == "" || $1 == sample { for (i = 2; i <= NF; ++i) if (!seen[$i]++) print $i }' \
        samples/needs
}

eddy_jobs() { nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2; }
