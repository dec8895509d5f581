# What the scripted programs have in common: see README.md. Sourced, with the arguments of the program.

here=$(dirname "$0")
program=$(basename "$0")

# one write, so that two calls at once do not mix
note() {
    line=$program
    for word in "$@"; do line="$line|$word"; done
    printf '%s\n' "$line" >>"$here/calls"
}

# fails as in a state: `fail_as no-key 'Error: ...' "$@"`, with pairs of a state and what is said in it
fail_as() {
    [ -e "$here/state" ] || return 0
    state=$(cat "$here/state")
    case $state in
    '' | *[!0-9]*) ;;
    *) echo "something is odd about 987654 and 123 456" >&2; exit "$state" ;;
    esac
    while [ $# -ge 2 ]; do
        if [ "$1" = "$state" ]; then
            printf '%s\n' "$2" >&2
            exit 1
        fi
        shift 2
    done
    echo "no such state: $state" >&2
    exit 99
}

# what comes before the answer
prepare() {
    [ ! -e "$here/delay" ] || sleep "$(cat "$here/delay")"
    if [ -e "$here/hang" ]; then
        sleep 600 &
        echo "$$ $!" >"$here/pids.new"
        mv "$here/pids.new" "$here/pids"
        wait
    fi
    if [ -e "$here/ask" ]; then
        if ! (: </dev/tty) 2>/dev/null; then
            echo "there is no terminal here" >&2
            exit 1
        fi
        printf '%s' "$(cat "$here/ask")" >/dev/tty
        IFS= read -r typed </dev/tty || exit 1
        printf '%s\n' "$typed" >"$here/typed"
    fi
}

# the answer
answer() {
    if [ -e "$here/code-command" ]; then
        sh "$here/code-command"
    else
        [ ! -e "$here/tell" ] || cat "$here/code" >&2
        cat "$here/code"
    fi
}
