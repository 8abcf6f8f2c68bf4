// Reads the histograms.hlog of a results folder with HdrHistogram's JavaScript port, and prints for
// each tag what it finds there over the whole run.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { HistogramLogReader, build } = require("hdr-histogram-js");

const log = fs.readFileSync(path.join(process.argv[2], "histograms.hlog"), "utf8");
const reader = new HistogramLogReader(log);
const whole = {};
for (let interval; (interval = reader.nextIntervalHistogram()); ) {
  whole[interval.tag] ??= build({ numberOfSignificantValueDigits: 3 });
  whole[interval.tag].add(interval);
}

const found = {};
for (const [tag, histogram] of Object.entries(whole)) {
  const at = (percentile) => histogram.getValueAtPercentile(percentile);
  found[tag] = {
    count: histogram.totalCount,
    p50: at(50),
    p75: at(75),
    p90: at(90),
    p95: at(95),
    p99: at(99),
    p999: at(99.9),
    max: histogram.maxValue,
    hgrm: histogram.outputPercentileDistribution(5, 1),
  };
}
console.log(JSON.stringify(found));
