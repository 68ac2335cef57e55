//! The metrics of `/metrics`: what the parts of the program count, and what is known about the process itself.
//!
//! Names and units are Prometheus' own: `process_*` as its client libraries have them, and `countersign_build_info`, whose
//! value is always 1.

use crate::wiring::Failure;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use rustix::process::{Resource, getrlimit};
use std::{fs, io, path::Path};

/// From half a millisecond, an answer from memory, to the limit of a request, 30 s.
const REQUESTS: [f64; 13] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];
/// A read on SQLite takes some 20 µs, a commit on a slow disk 0.1 s; a request waits 10 s at most.
const STORE: [f64; 14] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];
/// A hash takes some 20 ms with the default settings, and up to seconds with stronger ones.
const HASHES: [f64; 11] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Makes the metrics of this process. Once in its life.
pub(super) fn install() -> Result<Exporter, Failure> {
    let built = PrometheusBuilder::new()
        .set_buckets(&REQUESTS)
        .and_then(|b| b.set_buckets_for_metric(Matcher::Prefix("countersign_store_".into()), &STORE))
        .and_then(|b| b.set_buckets_for_metric(Matcher::Prefix("countersign_password_".into()), &HASHES));
    let handle = built.and_then(PrometheusBuilder::install_recorder).map_err(Failure::other("metrics"))?;
    describe();
    metrics::gauge!("countersign_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(Exporter(handle))
}

fn describe() {
    use metrics::{Unit, describe_gauge, describe_histogram};
    let duration = [
        ("countersign_request_duration_seconds", "How long answers took, by route and class of status."),
        ("countersign_password_hash_wait_seconds", "How long password hashes waited for a thread."),
        ("countersign_password_hash_duration_seconds", "How long password hashes took."),
        ("countersign_store_duration_seconds", "How long transactions took, including the wait."),
        ("countersign_store_wait_seconds", "How long transactions waited for the writer or a connection."),
        ("countersign_store_commit_seconds", "How long commits took."),
    ];
    for (name, what) in duration {
        describe_histogram!(name, Unit::Seconds, what);
    }
    describe_gauge!("countersign_build_info", "Always 1; the label has the version.");
}

/// Renders the metrics. Cheap to clone.
#[derive(Clone)]
pub(super) struct Exporter(PrometheusHandle);

impl Exporter {
    /// The text of `/metrics` (Prometheus text format 0.0.4).
    pub(super) fn render(&self) -> String {
        let mut text = self.0.render();
        for metric in process(Path::new("/proc/self")).unwrap_or_default() {
            text.push_str(&metric.to_string());
        }
        text
    }

    /// Lets go of what has been counted into the histograms. Every few minutes, even if no one reads them.
    pub(super) fn run_upkeep(&self) {
        self.0.run_upkeep();
    }
}

/// One value of the process.
struct Metric {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    value: f64,
}

impl std::fmt::Display for Metric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, kind, help, value } = self;
        write!(f, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n\n")
    }
}

/// What Linux says about a process (proc_pid_stat(5)), as Prometheus' client libraries name it. Nothing where there is no
/// `/proc`.
#[expect(clippy::cast_precision_loss, reason = "a metric is a double; 2^53 bytes are 8 PiB")]
fn process(proc: &Path) -> io::Result<Vec<Metric>> {
    let stat = fs::read_to_string(proc.join("stat"))?;
    // The second field is the program's name in parentheses, which may have spaces and parentheses in it.
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let ticks = rustix::param::clock_ticks_per_second().max(1) as f64;
    // Numbered as in the manual page, where the state is the third.
    let field = |number: usize| -> f64 {
        number.checked_sub(3).and_then(|i| fields.get(i)).and_then(|text| text.parse().ok()).unwrap_or(0.0)
    };
    let booted: f64 = fs::read_to_string("/proc/stat")?
        .lines()
        .find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
        .unwrap_or(0.0);
    let open = fs::read_dir(proc.join("fd"))?.count();
    let page = rustix::param::page_size() as f64;
    let most = getrlimit(Resource::Nofile).current.map_or(f64::INFINITY, |most| most as f64);
    let metric = |name, kind, help, value| Metric { name, kind, help, value };
    let mut all = vec![
        metric(
            "process_cpu_seconds_total",
            "counter",
            "CPU time, of user and system.",
            (field(14) + field(15)) / ticks,
        ),
        metric("process_resident_memory_bytes", "gauge", "Memory in RAM.", field(24) * page),
        metric("process_virtual_memory_bytes", "gauge", "Memory that is mapped.", field(23)),
        metric(
            "process_start_time_seconds",
            "gauge",
            "When it started (Unix time).",
            booted + field(22) / ticks,
        ),
        metric("process_threads", "gauge", "Threads.", field(20)),
        metric("process_open_fds", "gauge", "Open files and connections.", open as f64),
    ];
    if most.is_finite() {
        all.push(metric("process_max_fds", "gauge", "How many of them there may be.", most));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_programs_name_does_not_shift_the_fields() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("fd")).unwrap();
        fs::write(dir.path().join("fd/0"), "").unwrap();
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 9 0 100 8192 3 0 0";
        fs::write(dir.path().join("stat"), stat).unwrap();
        let found = process(dir.path()).unwrap();
        let value = |name: &str| found.iter().find(|metric| metric.name == name).unwrap().value;
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        assert_eq!(value("process_cpu_seconds_total"), 200.0 / ticks);
        assert_eq!(value("process_threads"), 9.0);
        assert_eq!(value("process_virtual_memory_bytes"), 8192.0);
        assert_eq!(value("process_resident_memory_bytes"), 3.0 * rustix::param::page_size() as f64);
        assert_eq!(value("process_open_fds"), 1.0);
        assert!(value("process_start_time_seconds") > 1e9);
    }
}
