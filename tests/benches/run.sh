#!/usr/bin/env bash
# Runs every benchmark and prints what docs/benchmarks.md contains: tests/benches/run.sh > docs/benchmarks.md
# For figures that mean something, run it on a machine that does nothing else. ATM_BENCH_REPEATS and
# ATM_BENCH_SECONDS say how often and for how long each quantity is measured.
set -euo pipefail
cd "$(dirname "$0")/../.."

# Built before anything is measured.
cargo build --quiet --release --workspace --bins --bench '*' >&2

processor=$(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -n 1)
memory=$(awk '/^MemTotal:/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo)
commit=$(git rev-parse --short HEAD)
[ -z "$(git status --porcelain --untracked-files=no)" ] || commit="$commit, with changes"

cat <<HEAD
# Benchmarks

Made by \`tests/benches/run.sh\` on $(date --utc '+%Y-%m-%d %H:%M') UTC from commit $commit.

| machine | |
| --- | --- |
| processor | ${processor:-$(uname -m)}, $(nproc) cores |
| memory | $memory |
| kernel | $(uname -sr) |
| disk | $(df --output=fstype,source "${TMPDIR:-/tmp}" | tail -n 1 | tr -s ' ') |
| load before | $(cut -d ' ' -f 1-3 /proc/loadavg) |

Each figure is the median of ${ATM_BENCH_REPEATS:-3} repeats of ${ATM_BENCH_SECONDS:-5} s after a second of warming up, with
the smallest and the largest in brackets. Everything is durable before it is answered. Clients and servers share the
machine, and peers were measured in the same run: ratios say more than rates.
HEAD

for bench in fsync pgbench end_to_end servers writer logins storm idle monitoring legacy help report; do
    echo "running $bench" >&2
    cargo bench --quiet --bench "$bench"
done
