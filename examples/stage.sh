# Shared by the examples, which source it: a program, a temporary folder $work, and functions that show commands. Needs
# $root, the folder of the repository.

# --- The program -----------------------------------------------------------------------------

if [ -n "${PLANSPEC_BIN:-}" ]; then
    program=$(cd "$(dirname "$PLANSPEC_BIN")" && pwd)/$(basename "$PLANSPEC_BIN")
else
    echo "Building planspec (the first time takes a minute or two) ..."
    cd "$root"
    cargo build --locked --quiet
    target=$(cargo metadata --locked --no-deps --format-version 1 |
        sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
    program=$target/debug/planspec
fi
if [ ! -x "$program" ]; then
    echo "example: $program cannot be run" >&2
    exit 1
fi

# --- A temporary folder, without your own git configuration ------------------------------------

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

for name in $(env | sed -n 's/^\(GIT_[A-Za-z0-9_]*\)=.*/\1/p; s/^\(PLANSPEC_[A-Z]*\)=.*/\1/p'); do
    unset "$name"
done
mkdir "$work/home" "$work/bin"
ln -s "$program" "$work/bin/planspec"
export PATH="$work/bin:$PATH" HOME="$work/home" XDG_CONFIG_HOME="$work/home"
export GIT_CONFIG_GLOBAL="$work/home/.gitconfig" GIT_CONFIG_NOSYSTEM=1
git config --global user.name Ana
git config --global user.email ana@example.com
git config --global init.defaultBranch main
git config --global advice.detachedHead false

# --- Output -----------------------------------------------------------------------------------

bold='' dim='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$(printf '\033[1m') dim=$(printf '\033[36m') plain=$(printf '\033[0m')
fi
who=ana

# Prints a sentence about the next commands.
chapter() {
    printf '\n%s--- %s%s\n' "$dim" "$1" "$plain"
}

# Prints a command, then runs it.
run() {
    line="$who \$"
    for word in "$@"; do
        case $word in
        *[!A-Za-z0-9_./:=@%,-]*) line="$line \"$word\"" ;;
        *) line="$line $word" ;;
        esac
    done
    printf '\n%s%s%s\n' "$bold" "$line" "$plain"
    "$@" 2>&1
}

# The same for a command that has to end with this exit code.
run_expecting() {
    expected=$1
    shift
    code=0
    run "$@" || code=$?
    printf '(exit code %s)\n' "$code"
    if [ "$code" -ne "$expected" ]; then
        printf 'example: exit code %s was expected\n' "$expected" >&2
        exit 1
    fi
}

# Commits the files of an example to a new repository, in which the script continues, without those of later changes.
begin_with() { # EXAMPLE
    git init -q "$work/$1"
    cd "$work/$1"
    cp -R "$root/examples/$1/." .
    rm -rf README.md changes
    git add -A
    git commit -q -m "Plan $1"
}

# Claims a node and reports it as succeeded, with further arguments for the report. Only the start of the claim's output
# is shown.
do_node() { # EXECUTION/NODE ACTOR [ARGUMENT]…
    node=$1 actor=$2
    shift 2
    run planspec claim "$node" --as "$actor" >"$work/claim" || { cat "$work/claim"; exit 1; }
    sed 4q "$work/claim"
    run planspec report "$node" --as "$actor" --succeeded --reconcile "$@"
}

# Fails unless a node is in a phase.
expect_node() { # EXECUTION/NODE PHASE
    found=$(planspec describe "$1" | sed -n '1s/.*: \([A-Za-z]*\).*/\1/p')
    if [ "$found" != "$2" ]; then
        printf 'example: %s is %s, not %s\n' "$1" "$found" "$2" >&2
        exit 1
    fi
}

# Fails unless each execution is Succeeded.
end_well() { # EXECUTION…
    for name in "$@"; do
        phase=$(planspec get execution "$name" | awk 'NR == 2 { print $3 }')
        if [ "$phase" != Succeeded ]; then
            printf '\nexample: %s ended as %s, not as Succeeded\n' "$name" "$phase" >&2
            exit 1
        fi
    done
    chapter "Succeeded. Nothing is left behind; see README.md for what to try in a repository of yours."
}

# Starts a server for the repository of this folder until the script ends: $server is its process, $url its address.
begin_to_serve() {
    planspec serve --reconcile --port 0 2>server.log &
    server=$!
    trap 'kill $server 2>/dev/null || true; rm -rf "$work"' EXIT
    until grep -q "listening on" server.log; do
        kill -0 $server || { cat server.log; exit 1; }
        sleep 0.1
    done
    url=$(sed -n 's/.*listening on //p' server.log)
}
