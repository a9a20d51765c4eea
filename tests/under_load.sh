#!/usr/bin/env bash
# Runs the tests beside six busy processes: tests/under_load.sh [PATH or what else pytest takes]
# Without arguments that is the whole suite. All of it ends after SECONDS_AT_MOST (5400), and the busy processes with it.
set -euo pipefail
cd "$(dirname "$0")/.."
most=${SECONDS_AT_MOST:-5400}
started=()
end() { kill "${started[@]}" 2>/dev/null || true; }
trap end EXIT
trap 'exit 130' INT TERM

for _ in 1 2 3 4 5 6; do
	timeout "$most" sh -c 'while :; do :; done' &
	started+=("$!")
done
timeout "$most" make test ARGS="$*" &
tests=$!
started+=("$tests")
wait "$tests"
