#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The exporter without systemd: a workload of the policy that takes root's privileges off itself. Prometheus likes it, and
# those who do not like Prometheus cannot hurt the daemon by it.
. "$(dirname -- "$0")/lib.sh"
needs_command curl

port=$((20000 + $$ % 10000))
url=http://127.0.0.1:$port
policy <<END
[supervisord]
SampleIntervalSec=100ms

[slice:own]

[workload:exporter]
Slice=own
ExecStart=$build/supervisord/supervisord-exporter --listen 127.0.0.1:$port --socket $SUPERVISORD_SOCKET --group nogroup --interval 100ms
StandardOutput=file:$work/exporter.log
Restart=always
END
must 'the daemon starts' daemon_start --control-group nogroup
check_state 'the exporter runs' exporter running
exporter=$(pid_of exporter)
scrape() { curl --silent --max-time 20 "$@" "$url/metrics"; }
check_eventually 'a scrape has the workload' says '^supervisord_workload_start_time_seconds\{workload="exporter"' scrape

# What it is.
of_status() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$exporter/status"; }
nobody=$(id -u nobody)
equal 'it is nobody, by all four' "$nobody $nobody $nobody $nobody" "$(of_status Uid | tr '\t' ' ')"
equal 'with the one group that reads the control socket' "$(getent group nogroup | cut -d: -f3)" "$(of_status Groups | tr -d ' ')"
equal 'without capabilities' '0000000000000000 0000000000000000' "$(of_status CapPrm) $(of_status CapEff)"
equal 'and none to be had' 1 "$(of_status NoNewPrivs)"
refuted 'it does not start with a group that is not there' \
    "$build/supervisord/supervisord-exporter" --listen 127.0.0.1:0 --group svtest-nobody
refuted 'nor as root' "$build/supervisord/supervisord-exporter" --listen 127.0.0.1:0 --group nogroup --user root

# The formats.
matches 'text, unless something else is asked for' '^content-type: text/plain; version=0.0.4' \
    "$(scrape --include | tr -d '\r' | tr '[:upper:]' '[:lower:]')"
open=$(scrape --include -H 'Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5' | tr -d '\r')
matches 'OpenMetrics on request' '^Content-Type: application/openmetrics-text; version=1.0.0' "$open"
equal 'to its last line' '# EOF' "$(tail -n 1 <<<"$open")"
if command -v prometheus >/dev/null; then
    cat >"$work/prometheus.yml" <<END
scrape_configs: [{ job_name: node, scrape_interval: 1s, static_configs: [{ targets: ['127.0.0.1:$port'] }] }]
END
    prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/tsdb" \
        --web.listen-address="127.0.0.1:$((port + 1))" >"$work/prometheus.log" 2>&1 </dev/null &
    prometheus=$!
    asks() { curl --silent --max-time 5 --get --data-urlencode "query=$1" "http://127.0.0.1:$((port + 1))/api/v1/query"; }
    check_eventually 'Prometheus scrapes it' says '"job":"node"\},"value":\[[0-9.]*,"1"\]' asks up
    check_eventually 'and knows the workload' says '"workload":"exporter"' asks supervisord_workload_start_time_seconds
    kill "$prometheus"
    wait "$prometheus" 2>/dev/null
else
    echo "# $story: prometheus is not installed here"
fi

# A hundred bad scrapers of one address: another address is served, and the daemon does not notice.
ticks() { supctl metrics | sed -n 's/^supervisord_tick_lateness_seconds_count //p'; }
late_ticks() { # later than a quarter of a second
    supctl metrics | awk '/^supervisord_tick_lateness_seconds_bucket.le="0.268/ { early = $NF }
        /^supervisord_tick_lateness_seconds_count/ { print $NF - early }'
}
late=$(late_ticks)
"$build/tests/hostile-scrapers" "$port" 6 100 1 >"$work/hostile" &
hostile=$!
sleep 1 # they have begun
before=$(ticks)
three_scrapes() { scrape >/dev/null && scrape >/dev/null && scrape >/dev/null; }
check 'a good scraper is served beside a hundred bad ones' three_scrapes
check 'the control socket answers' supctl list
ticked_on() { [ "$(ticks)" -ge $((before + 10)) ]; }
check_eventually 'the ticks go on' ticked_on
wait "$hostile"
echo "# $story: bad scrapers made $(cat "$work/hostile"); $(($(late_ticks) - late)) ticks came more than 0.27 s late"
equal 'the exporter has not been started again' "$exporter" "$(pid_of exporter)"
check 'and all is as before' scrape

the_end
