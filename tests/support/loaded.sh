# SPDX-License-Identifier: MIT
# A busy host for tests of what must not depend on it. Sourced, not run.

# Runs the rest of the arguments on a host whose CPUs have something else to do as well.
loaded() {
    local hogs=() i rc
    for ((i = 0; i <= $(nproc); i++)); do
        (while :; do :; done) &
        hogs+=($!)
    done
    "$@"
    rc=$?
    kill "${hogs[@]}"
    wait "${hogs[@]}" 2> /dev/null
    return $rc
}
