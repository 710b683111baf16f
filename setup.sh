#!/usr/bin/env bash
# Installs what is missing, builds cyclostat, and with one word more:
#
#   ./setup.sh             build only
#   ./setup.sh demo        run the formation of a published cell at 60 and 30 °C on a simulated cell
#   ./setup.sh test        run all tests
#   ./setup.sh test all    the same, and again with clang without optimisation, under sanitizers
#                          (addresses, undefined behaviour, threads) and in foreign locales
#
# For Debian 12 with nothing but the base system. Ends with a line that says what passed, and fails
# when anything failed.
set -u
cd "$(dirname "$0")" || exit 1

build_packages="gcc libc6-dev cmake ninja-build pkg-config libyaml-dev liblua5.4-dev libsqlite3-dev libserialport-dev libcunit1-dev"
test_packages="jq lua5.4 sqlite3 procps"
all_packages="clang libclang-rt-14-dev llvm locales"

passed=0
failed=0
repeated=0

say() {
    printf '\n==> %s\n' "$*"
}

die() {
    printf 'setup.sh: %s\n' "$*" >&2
    exit 1
}

# Leaves the words of its arguments that are no installed Debian packages in $missing.
find_missing() {
    missing=""
    local package
    for package in "$@"; do
        case "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" in
        "install ok installed") ;;
        *) missing="$missing $package" ;;
        esac
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

install_packages() {
    if ! command -v dpkg-query >/dev/null 2>&1; then
        say "This is no Debian: provide by other means what these packages hold: $*"
        return
    fi
    find_missing "$@"
    if [ -z "$missing" ]; then
        return
    fi
    say "Installing Debian packages:$missing"
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null 2>&1; then
        die "neither root nor sudo; as root, type: apt-get install$missing"
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update ||
        die "apt-get update failed; is the network there?"
    # The words of $missing are package names without blanks.
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
        -o Dpkg::Use-Pty=0 install $missing >/dev/null ||
        die "apt-get could not install:$missing"
}

# build FOLDER [CMAKE OPTION...]
build() {
    local folder=$1
    shift
    mkdir -p "$folder" || return 1
    if ! cmake -S . -B "$folder" -G Ninja "$@" >"$folder/configure.log" 2>&1; then
        cat "$folder/configure.log"
        return 1
    fi
    cmake --build "$folder"
}

build_release() {
    install_packages $build_packages
    say "Building"
    build build -DCMAKE_BUILD_TYPE=Release || die "the build failed"
}

# Linux shares the processors out among sessions first, and the processes of each rig that a test
# starts are a session of their own. With dozens of them some kernels leave one waiting for seconds
# while others run, which the tests take for a process that hangs. Who may, does without meanwhile.
share_by_process() {
    local setting=/proc/sys/kernel/sched_autogroup_enabled
    [ "$(cat $setting 2>/dev/null)" = 1 ] || return 0
    if { echo 0 >$setting; } 2>/dev/null; then
        trap "echo 1 >$setting" EXIT
        say "kernel.sched_autogroup_enabled is 0 while the tests run"
    fi
}

# run_tests FOLDER JOBS CTEST-OPTION...: adds to the sums.
run_tests() {
    local folder=$1 jobs=$2 bad total
    shift 2
    local log="$folder/setup-test.log"
    ctest --test-dir "$folder" --output-on-failure -j "$jobs" "$@" 2>&1 | tee "$log"
    read -r bad total < <(sed -n 's/^[0-9]*% tests passed, \([0-9]*\) tests failed out of \([0-9]*\)$/\1 \2/p' "$log")
    [ -n "${total:-}" ] || return 0
    failed=$((failed + bad))
    passed=$((passed + total - bad))
    repeated=$((repeated + $(grep -c '^contain: .*; repeated$' "$folder/Testing/Temporary/LastTest.log")))
}

# check NAME FOLDER [LABELS [WITHOUT]]: runs the tests with one of these labels, all if there are
# none, without those of WITHOUT. First those that judge what happens in time, which mostly wait:
# `jobs` at once, else twice as many as there are processors. Then those that compute, so that they
# take no processor away from the others. To find no test counts as one failure.
check() {
    local name=$1 folder=$2 labels=${3:-} without=${4:-} before=$((passed + failed))
    local wanted=()
    [ -z "$labels" ] || wanted=(-L "$labels")
    say "Testing: $name"
    run_tests "$folder" "${jobs:-$((2 * $(nproc)))}" "${wanted[@]}" -L timed ${without:+-LE "$without"}
    run_tests "$folder" $(($(nproc) + 1)) "${wanted[@]}" -LE "timed${without:+|$without}"
    if [ $((passed + failed)) -eq "$before" ]; then
        printf 'no test ran\n'
        failed=$((failed + 1))
    fi
}

# check_build NAME FOLDER LABELS [CMAKE OPTION...]: a build of its own, then its tests. What a
# sanitizer has to say counts as a failure, whichever process it is about: nobody asks a daemon how
# it ended.
check_build() {
    local name=$1 folder=$2 labels=$3
    shift 3
    say "Building: $name"
    if build "$folder" "$@"; then
        local report="$PWD/$folder/report" one
        rm -f "$report".*
        export ASAN_OPTIONS="log_path=$report" UBSAN_OPTIONS="log_path=$report:print_stacktrace=1"
        export TSAN_OPTIONS="log_path=$report"
        check "$name" "$folder" "$labels"
        unset ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS
        for one in "$report".*; do
            grep -qE "ERROR: |WARNING: ThreadSanitizer|runtime error:" "$one" 2> /dev/null || continue
            head -n 60 "$one"
            failed=$((failed + 1))
        done
    else
        printf 'the build failed\n'
        failed=$((failed + 1))
    fi
}

# The locale is made in the build folder, so that the machine stays as it is.
check_locale() {
    local name=$1
    export LOCPATH="$PWD/build/locale"
    mkdir -p "$LOCPATH"
    if [ ! -d "$LOCPATH/$name.UTF-8" ]; then
        localedef -i "$name" -f UTF-8 "$LOCPATH/$name.UTF-8"
    fi
    if [ "$(LC_ALL=$name.UTF-8 locale decimal_point)" != "," ]; then
        printf 'the locale %s does not work\n' "$name"
        failed=$((failed + 1))
    else
        export LC_ALL="$name.UTF-8"
        check "locale $name" build 'text|errors|golden'
        unset LC_ALL
    fi
    unset LOCPATH
}

test_all_builds() {
    install_packages $all_packages
    check_build "clang without optimisation" build/clang 'unit|golden' \
        -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER=clang
    check_build "address and undefined-behaviour sanitizers" build/sanitize 'unit|errors|fuzz|faults' \
        -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=clang -DCYC_SANITIZE=address,undefined
    jobs=$(nproc) check_build "thread sanitizer" build/thread 'live' \
        -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=clang -DCYC_SANITIZE=thread
    check_locale de_DE
    check_locale tr_TR
}

finish_tests() {
    printf '\n%d passed, %d failed' "$passed" "$failed"
    [ "$repeated" -eq 0 ] || printf '; %d of them once more, since this machine stood still meanwhile' "$repeated"
    printf '\n'
    [ "$failed" -eq 0 ]
}

demo() {
    local protocol
    for protocol in p01-formation-60degC p02-formation-30degC; do
        say "build/cyclostat dry-run protocols/song2024/$protocol.yaml"
        build/cyclostat dry-run "protocols/song2024/$protocol.yaml" || die "the dry run failed"
    done
    printf '\nBoth runs are kept in runs/; build/cyclostat runs lists them.\n'
}

case "$*" in
"")
    build_release
    printf '\nBuilt: build/cyclostat. Next: ./setup.sh demo, ./setup.sh test, or build/cyclostat --help\n'
    ;;
demo)
    build_release
    demo
    ;;
test)
    install_packages $test_packages
    build_release
    share_by_process
    jobs=$((3 * $(nproc))) check "plain" build '' long
    finish_tests
    ;;
"test all")
    install_packages $test_packages
    build_release
    share_by_process
    jobs=$((3 * $(nproc))) check "plain" build
    test_all_builds
    finish_tests
    ;;
*)
    die "'$*' is unknown; write demo, test, or test all"
    ;;
esac
