//! The process as the operating system sees it, and the line of the log that tells of it.

use super::connections::Connections;
use crate::clock::monotonic;
use atm_rpc::operator::metrics::ProcessMetrics;
use rustix::process::{Resource, getrlimit};
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// A MB of the line.
const MIB: u64 = 1024 * 1024;

/// What the line of the log tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Time since the start.
    pub uptime: Duration,
    /// The process.
    pub process: ProcessMetrics,
    /// Connections of customers and operators together.
    pub connections: Connections,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.uptime.as_secs();
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
        let tenths = self.process.memory_bytes.saturating_mul(10).saturating_add(MIB / 2) / MIB;
        write!(
            f,
            "SERVER METRICS | Uptime: {days}d {hours}h {minutes}m {}s | CPU: {:.1}% | Memory: {}.{}MB | Threads: {} | \
             Active Connections: {} | Max Connections: {} | Total Connections: {}",
            seconds % 60,
            self.process.cpu_percent,
            tenths / 10,
            tenths % 10,
            self.process.threads,
            self.connections.active,
            self.connections.max,
            self.connections.total,
        )
    }
}

/// This process, as the operating system sees it.
#[derive(Debug)]
pub(super) struct Process {
    /// `None` where the operating system tells nothing of processes.
    of_system: Option<(Pid, Mutex<Measured>)>,
}

#[derive(Debug)]
struct Measured {
    system: System,
    at: Instant,
}

impl Process {
    pub(super) fn new() -> Self {
        let system = System::new().and_then(|system| Ok((sysinfo::get_current_pid()?, system)));
        let of_system = system.ok().map(|(pid, mut system)| {
            refresh(&mut system, pid);
            (pid, Mutex::new(Measured { system, at: monotonic() }))
        });
        Self { of_system }
    }

    /// Measures; zeros where the operating system does not tell. Measurements too close for a percentage repeat the
    /// one before.
    pub(super) fn measure(&self) -> ProcessMetrics {
        let count = |folder| std::fs::read_dir(folder).map_or(0, Iterator::count);
        let threads = count("/proc/self/task");
        // One of them is for looking.
        let open_files = count("/proc/self/fd").saturating_sub(1);
        let open_files_max = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let mut measured = ProcessMetrics {
            cpu_percent: 0.0,
            cpu_ms_total: 0,
            memory_bytes: 0,
            virtual_memory_bytes: 0,
            threads: number(threads),
            open_files: number(open_files),
            open_files_max,
        };
        let Some((pid, system)) = &self.of_system else { return measured };
        let mut system = system.lock().unwrap_or_else(PoisonError::into_inner);
        if system.at.elapsed() >= sysinfo::MINIMUM_CPU_UPDATE_INTERVAL {
            refresh(&mut system.system, *pid);
            system.at = monotonic();
        }
        if let Some(process) = system.system.process(*pid) {
            measured.cpu_percent = process.cpu_usage();
            measured.cpu_ms_total = process.accumulated_cpu_time();
            measured.memory_bytes = process.memory();
            measured.virtual_memory_bytes = process.virtual_memory();
        }
        measured
    }
}

fn refresh(system: &mut System, pid: Pid) {
    let what = ProcessRefreshKind::nothing().without_tasks().with_cpu().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, what);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_its_shape() {
        let connections = Connections { active: 2, max: 2, total: 3 };
        let metrics = |uptime, cpu_percent, memory_bytes| {
            let process = ProcessMetrics {
                cpu_percent,
                cpu_ms_total: 0,
                memory_bytes,
                virtual_memory_bytes: 0,
                threads: 4,
                open_files: 9,
                open_files_max: 99,
            };
            Line { uptime: Duration::from_secs(uptime), process, connections }
        };
        let end = "| Threads: 4 | Active Connections: 2 | Max Connections: 2 | Total Connections: 3";
        let table = [
            (metrics(60, 0.1, 36_280_730), "Uptime: 0d 0h 1m 0s | CPU: 0.1% | Memory: 34.6MB"),
            (metrics(0, 0.0, 0), "Uptime: 0d 0h 0m 0s | CPU: 0.0% | Memory: 0.0MB"),
            (metrics(93_784, 199.96, 1 << 30), "Uptime: 1d 2h 3m 4s | CPU: 200.0% | Memory: 1024.0MB"),
        ];
        for (metrics, expected) in table {
            assert_eq!(metrics.to_string(), format!("SERVER METRICS | {expected} {end}"));
        }
    }

    #[test]
    fn a_process_uses_memory_and_threads() {
        let measured = Process::new().measure();
        assert!(measured.cpu_percent >= 0.0 && measured.memory_bytes > 100_000, "{measured:?}");
        assert!(measured.virtual_memory_bytes > measured.memory_bytes, "{measured:?}");
        assert!(measured.threads >= 1 && measured.open_files >= 3, "{measured:?}");
        assert!(measured.open_files_max >= measured.open_files, "{measured:?}");
    }
}
