# Read by fetch-demo-corpus and fetch-libreoffice-52: finding isogloss, a cache, and apt without
# touching the system. Nothing is installed and no setting of the system is changed.
# shellcheck shell=bash

say() { echo "corpus: $*" >&2; }
fail() { say "$*" && exit 1; }

source_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) || exit 1

# The head of the script, for --help; no other option is known.
options() { # script, its arguments
    case ${2:-} in
    -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$1" && exit 0 ;;
    -*) fail "unknown option '$2'; see --help" ;;
    esac
}

find_isogloss() {
    isogloss=${ISOGLOSS:-$source_root/build/bin/isogloss}
    [ -x "$isogloss" ] || isogloss=$(command -v isogloss) ||
        fail "cannot find isogloss: build it first (make), or say where it is with ISOGLOSS=PATH"
}

# A corpus that is there is never made again; show it.
done_already() { # corpus directory
    [ -f "$1/index.json" ] && say "$1 is there already" && exec "$isogloss" corpus show "$1"
}

# Downloads are kept in $ISOGLOSS_CACHE, else beside the corpus, so that a second try costs nothing.
make_cache() { # corpus directory
    for program in apt-get apt-cache dpkg-deb xz; do
        command -v "$program" >/dev/null ||
            fail "cannot find $program: the text comes from Debian packages, so this step needs a Debian" \
                "system; on another one build a corpus from your own files (docs/corpus.md)"
    done
    mkdir -p "${ISOGLOSS_CACHE:=$(dirname "$1")/cache}" || exit 1
    cache=$(cd "$ISOGLOSS_CACHE" && pwd) || exit 1
    find "$cache" -maxdepth 1 -name 'new.*' -mmin +60 -exec rm -rf {} + # of calls that were killed
    scratch=$(mktemp -d "$cache/new.XXXXXX") || exit 1
    trap 'rm -rf "$scratch"' EXIT
    trap 'exit 143' TERM
    trap 'exit 130' INT
    log=$cache/fetch.log
}

# Package lists of our own below the cache, from the system's sources with their types replaced.
own_lists() { # types: "deb" or "deb-src"
    local file
    apt_options=(-o "Dir::State::Lists=$cache/lists-$1" -o "Dir::Cache=$cache/apt"
        -o "Dir::Etc::sourcelist=/dev/null" -o "Dir::Etc::sourceparts=$cache/sources-$1"
        -o Acquire::Languages=none)
    mkdir -p "$cache/lists-$1/partial" "$cache/apt/archives/partial" "$cache/sources-$1" || return 1
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ -f "$file" ] && sed -nE "s/^deb(-src)?[[:space:]]/$1 /p" "$file" | sort -u \
            >"$cache/sources-$1/$(basename "$file" .list).list"
    done
    for file in /etc/apt/sources.list.d/*.sources; do
        [ -f "$file" ] && sed -E "s/^Types:.*/Types: $1/" "$file" >"$cache/sources-$1/$(basename "$file")"
    done
    say "fetching package lists into $cache (the system's own stay as they are)"
    timeout 300 apt-get -q "${apt_options[@]}" update >"$log" 2>&1 ||
        say "apt-get update had complaints (see $log); trying with the lists that came"
}

# The newest version of these packages without installing them, into the directory given.
download_packages() { # directory, package...
    local into=$1
    shift
    apt_options=()
    (cd "$into" && timeout 600 apt-get -q download "$@") >"$log" 2>&1 && return
    say "the system's package lists are missing or out of date"
    own_lists deb
    (cd "$into" && timeout 600 apt-get -q "${apt_options[@]}" download "$@") >"$log" 2>&1 && return
    tail -n 5 "$log" >&2
    fail "the packages could not be downloaded: is there a network? All output is in $log"
}
