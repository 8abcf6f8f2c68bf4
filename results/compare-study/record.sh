#!/usr/bin/env bash
# Records the runs of this study: SIO_LOAD=path/to/sio-load ./record.sh [ROUNDS]
#
# Three embedded servers that take 20 ms over each ack differ in `--slow` alone. Each round runs the
# same scenario once against each of them, every other round backwards, so that whatever the machine
# does meanwhile meets all of them alike. What the study reads is kept of each run; the rest of a run
# folder can be made from it. The committed runs were recorded under `chrt --fifo 5`, since other
# programs kept both cores of the machine busy at the time.
set -euo pipefail
cd "$(dirname "$0")"

readonly sio_load="${SIO_LOAD:-sio-load}"
readonly rounds="${1:-60}"
readonly sides=(base slow-10 slow-5)
readonly ports=(3981 3982 3983)

servers=()
trap 'kill "${servers[@]}" 2>/dev/null || true' EXIT
serve() {
    "$sio_load" serve --listen "127.0.0.1:$1" --ack-delay 20ms "${@:2}" 2>/dev/null &
    servers+=($!)
}
serve "${ports[0]}"
serve "${ports[1]}" --slow 10%
serve "${ports[2]}" --slow 5%
sleep 1

rm -rf runs .recording
for ((round = 1; round <= rounds; round++)); do
    order=(0 1 2)
    if ((round % 2 == 0)); then order=(2 1 0); fi
    for place in "${order[@]}"; do
        # A run that ends with a verdict of its own (92: a busy machine) is a sample like any other.
        "$sio_load" run scenario.toml --quiet --seed "$round" --out .recording \
            --url "http://127.0.0.1:${ports[$place]}/" || true
        kept="runs/${sides[$place]}/$(printf '%03d' "$round")"
        mkdir -p "$kept"
        for file in summary.json scenario.toml histograms.hlog; do
            cp ".recording/compare-study/latest/$file" "$kept/"
        done
        rm -rf .recording
    done
done
