//! One measurement of the process, and the line that tells of it.

use crate::clock::monotonic;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// A MB of the line.
const MIB: u64 = 1024 * 1024;

/// How many connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// Now.
    pub active: u64,
    /// At a time, at the most, since the start.
    pub max: u64,
    /// Since the start.
    pub total: u64,
}

/// What a process used when it was asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics {
    /// Time since the start.
    pub uptime: Duration,
    /// Share of the CPU since the measurement before; 100 is one core.
    pub cpu_percent: f32,
    /// Resident memory.
    pub memory_bytes: u64,
    /// Threads of the operating system.
    pub threads: usize,
    /// Connections of customers and operators together.
    pub connections: Connections,
    /// Connections of customers.
    pub customers: Connections,
    /// Connections of operators.
    pub operators: Connections,
}

impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.uptime.as_secs();
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
        let tenths = self.memory_bytes.saturating_mul(10).saturating_add(MIB / 2) / MIB;
        write!(
            f,
            "SERVER METRICS | Uptime: {days}d {hours}h {minutes}m {}s | CPU: {:.1}% | Memory: {}.{}MB | Threads: {} | \
             Active Connections: {} | Max Connections: {} | Total Connections: {}",
            seconds % 60,
            self.cpu_percent,
            tenths / 10,
            tenths % 10,
            self.threads,
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

    /// Percent of a core since the measurement before, bytes of resident memory, and threads; zeros where the
    /// operating system does not tell. Measurements too close for a percentage repeat the one before.
    pub(super) fn measure(&self) -> (f32, u64, usize) {
        let threads = std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
        let Some((pid, measured)) = &self.of_system else { return (0.0, 0, threads) };
        let mut measured = measured.lock().unwrap_or_else(PoisonError::into_inner);
        if measured.at.elapsed() >= sysinfo::MINIMUM_CPU_UPDATE_INTERVAL {
            refresh(&mut measured.system, *pid);
            measured.at = monotonic();
        }
        let (cpu, memory) = measured.system.process(*pid).map_or((0.0, 0), |p| (p.cpu_usage(), p.memory()));
        (cpu, memory, threads)
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
        let metrics = |uptime, cpu_percent, memory_bytes| Metrics {
            uptime: Duration::from_secs(uptime),
            cpu_percent,
            memory_bytes,
            threads: 4,
            connections,
            customers: Connections::default(),
            operators: Connections::default(),
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
        let (cpu, memory, threads) = Process::new().measure();
        assert!(cpu >= 0.0 && memory > 100_000 && threads >= 1, "{cpu} {memory} {threads}");
    }
}
