# SPDX-License-Identifier: MIT
# For scripts that set $root: what is missing of the table dev/packages, and its installation. ADAPTAU_NO_INSTALL=1 refuses it.

say() {
    printf '%s\n' "$*" >&2
}

# is_there KIND WHAT: the evidence of a line of the table.
is_there() {
    case $1 in
    compiler)
        compiler=${CC:-$2}
        command -v "${compiler%% *}"
        ;;
    command) command -v "$2" ;;
    header) printf '#include <%s>\n' "$2" | ${CC:-cc} -E -x c - ;;
    python) /usr/bin/python3 -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)' "$2" ;;
    module) pkg-config --exists "$2" ;;
    file) ls -d $2 ;; # a pattern, which the shell expands
    esac >/dev/null 2>&1
}

# missing_packages WHAT-FOR...: their names, with a blank before each.
missing_packages() {
    for what_for; do
        while read -r wanted package kind evidence; do
            [ "$wanted" = "$what_for" ] || continue
            is_there "$kind" "$evidence" || printf ' %s' "$package"
        done <"$root/dev/packages"
    done
}

# Another apt may be at work for a while: apt itself waits for the lock of the packages, and not for that of the lists.
update_lists() {
    tries=60
    until $as_root apt-get update -qq >"$install_log" 2>&1; do
        if ! grep -q 'Could not get lock' "$install_log" || [ "$tries" = 0 ]; then
            cat "$install_log" >&2
            return 1
        fi
        tries=$((tries - 1))
        say "another program uses apt: looking again in 5 seconds"
        sleep 5
    done
}

# install_packages WHAT-FOR...: says what is missing before it installs it; its status is 1 when something stays missing.
install_packages() {
    packages=$(missing_packages "$@")
    [ -n "$packages" ] || return 0
    line="apt-get install --yes --no-install-recommends$packages"
    as_root=
    if [ -n "${ADAPTAU_NO_INSTALL:-}" ]; then
        say "missing, and nothing is to be installed:$packages"
        return 1
    elif ! command -v apt-get >/dev/null 2>&1; then
        say "missing, by their names in Debian:$packages"
        return 1
    elif [ "$(id -u)" != 0 ]; then
        if ! command -v sudo >/dev/null 2>&1 || ! sudo -n true 2>/dev/null; then
            say "missing:$packages. As root:"
            say "  $line"
            return 1
        fi
        as_root=sudo
    fi
    say "installing: $line"
    install_log=$(mktemp)
    # shellcheck disable=SC2086
    if update_lists && $as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends $packages >&2; then
        rm -f "$install_log"
        return 0
    fi
    rm -f "$install_log"
    say "could not install them; as root: $line"
    return 1
}

# ensure_packages WHAT-FOR...: or the script ends.
ensure_packages() {
    install_packages "$@" || exit 1
}
