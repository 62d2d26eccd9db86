#include "bench/load_report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

namespace lockstep::bench {
namespace {

double Milliseconds(Duration duration) { return static_cast<double>(duration.count()) / 1e6; }
double Microseconds(Duration duration) { return static_cast<double>(duration.count()) / 1e3; }

double PerSecond(uint64_t operations, Duration period) {
  if (period.count() <= 0) return 0;
  return static_cast<double>(operations) * 1e9 / static_cast<double>(period.count());
}

absl::string_view NameOf(WorkloadKind kind) {
  switch (kind) {
    case WorkloadKind::kPut:
      return "put";
    case WorkloadKind::kRange:
      return "range";
    case WorkloadKind::kMixed:
      return "mixed";
    case WorkloadKind::kTxn:
      return "txn";
  }
  return "?";
}

std::string Quote(absl::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      absl::StrAppend(&quoted, "\\", absl::string_view(&c, 1));
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppendFormat(&quoted, "\\u%04x", static_cast<int>(c));
    } else {
      quoted.push_back(c);
    }
  }
  return quoted + "\"";
}

Histogram Merged(const LoadReport& report) {
  Histogram all = report.reads;
  all.Add(report.writes);
  return all;
}

std::string LatencyText(absl::string_view name, const Histogram& latency) {
  return absl::StrFormat(
      "%-8s %9d   mean %8.3f   p50 %8.3f   p90 %8.3f   p99 %8.3f   p99.9 %8.3f   max %8.3f ms\n",
      name, latency.count(), Milliseconds(latency.Mean()), Milliseconds(latency.Percentile(50)),
      Milliseconds(latency.Percentile(90)), Milliseconds(latency.Percentile(99)),
      Milliseconds(latency.Percentile(99.9)), Milliseconds(latency.max()));
}

std::string LatencyJson(const Histogram& latency) {
  return absl::StrFormat(
      R"({"count":%d,"mean_us":%.1f,"p50_us":%.1f,"p90_us":%.1f,"p95_us":%.1f,"p99_us":%.1f,)"
      R"("p99_9_us":%.1f,"max_us":%.1f})",
      latency.count(), Microseconds(latency.Mean()), Microseconds(latency.Percentile(50)),
      Microseconds(latency.Percentile(90)), Microseconds(latency.Percentile(95)),
      Microseconds(latency.Percentile(99)), Microseconds(latency.Percentile(99.9)),
      Microseconds(latency.max()));
}

}  // namespace

std::string FormatProgress(Duration since_start, Duration period, const LoadReport& last) {
  const Histogram all = Merged(last);
  return absl::StrFormat("%6.1f s  %9.0f op/s   p50 %8.3f   p99 %8.3f   max %8.3f ms   failed %d\n",
                         Milliseconds(since_start) / 1e3, PerSecond(all.count(), period),
                         Milliseconds(all.Percentile(50)), Milliseconds(all.Percentile(99)),
                         Milliseconds(all.max()), last.failed);
}

std::string FormatText(const LoadOptions& options, const LoadReport& report) {
  const Histogram all = Merged(report);
  std::string text = absl::StrFormat(
      "%s: %d operations in %.2f s = %.0f op/s, %d failed (%d clients, %d connections%s)\n",
      NameOf(options.workload), all.count(), Milliseconds(report.elapsed) / 1e3,
      PerSecond(all.count(), report.elapsed), report.failed, options.clients, options.connections,
      options.rate == 0 ? "" : absl::StrCat(", asked for ", options.rate, " op/s"));
  absl::StrAppend(&text, LatencyText("all", all));
  if (report.reads.count() > 0 && report.writes.count() > 0) {
    absl::StrAppend(&text, LatencyText("reads", report.reads));
    absl::StrAppend(&text, LatencyText("writes", report.writes));
  }
  for (const auto& [failure, count] : report.failures) {
    absl::StrAppendFormat(&text, "failed %9d   %s\n", count, failure);
  }
  return text;
}

std::string FormatJson(const LoadOptions& options, const LoadReport& report) {
  const Histogram all = Merged(report);
  std::vector<std::string> endpoints;
  for (const std::string& endpoint : options.endpoints) endpoints.push_back(Quote(endpoint));
  std::vector<std::string> failures;
  for (const auto& [failure, count] : report.failures) {
    failures.push_back(absl::StrCat(Quote(failure), ":", count));
  }
  return absl::StrFormat(
      R"({"workload":%s,"serializable":%s,"endpoints":[%s],"connections":%d,"clients":%d,)"
      R"("rate":%d,"key_bytes":%d,"value_bytes":%d,"keys":%d,"seconds":%.3f,"operations":%d,)"
      R"("operations_per_second":%.1f,"failed":%d,"failures":{%s},"latency":%s,"reads":%s,)"
      R"("writes":%s})"
      "\n",
      Quote(NameOf(options.workload)), options.serializable ? "true" : "false",
      absl::StrJoin(endpoints, ","), options.connections, options.clients, options.rate,
      options.key_bytes, options.value_bytes, options.keys, Milliseconds(report.elapsed) / 1e3,
      all.count(), PerSecond(all.count(), report.elapsed), report.failed,
      absl::StrJoin(failures, ","), LatencyJson(all), LatencyJson(report.reads),
      LatencyJson(report.writes));
}

}  // namespace lockstep::bench
