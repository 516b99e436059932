//! What a plugin cannot ask of the kernel: seccomp.

use libc::{AF_INET, AF_INET6, SOCK_RAW, SOCK_SEQPACKET, SOCK_STREAM, TIOCLINUX, TIOCSTI, c_long};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use std::collections::BTreeMap;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;
type Result<T> = std::result::Result<T, seccompiler::Error>;

/// Never: ways around the other bounds, into other processes, and to the system's own settings.
const NEVER: &[c_long] = &[
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_open_by_handle_at,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    // To be called, not to call.
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
];
/// Not without the network.
const NETWORK: &[c_long] = &[libc::SYS_socket, libc::SYS_connect];
/// The bits of a socket's type that are no flags.
const TYPE: u64 = 0xf;
/// What x86-64 adds to the number of a call in its other calling convention.
const X32: i64 = 0x4000_0000;

/// Whether the kernel has it.
pub(super) fn available() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.starts_with("Seccomp:"))
}

/// Takes these calls from this process, for good.
pub(super) fn confine(network: bool) -> Result<()> {
    seccompiler::apply_filter(&program(network)?)
}

fn program(network: bool) -> Result<BpfProgram> {
    let mut rules = rules(network)?;
    if cfg!(target_arch = "x86_64") {
        let others: Rules = rules.iter().map(|(call, rules)| (call | X32, rules.clone())).collect();
        rules.extend(others);
    }
    let denied = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let arch = std::env::consts::ARCH.try_into().map_err(seccompiler::Error::Backend)?;
    SeccompFilter::new(rules, SeccompAction::Allow, denied, arch)
        .and_then(TryInto::try_into)
        .map_err(seccompiler::Error::Backend)
}

fn rules(network: bool) -> Result<Rules> {
    let mut rules: Rules = NEVER.iter().map(|call| (*call, Vec::new())).collect();
    if network {
        // IP alone: sockets of this machine lead to its session bus, and to daemons that do what they are told.
        rules.insert(
            libc::SYS_socket,
            vec![all([isnt(0, AF_INET)?, isnt(0, AF_INET6)?])?, all([kind(SOCK_RAW)?])?],
        );
    } else {
        rules.extend(NETWORK.iter().map(|call| (*call, Vec::new())));
    }
    // Of a pair, both ends are its own. Those that can be told an address are none.
    let others = (1..=u64::from(u8::MAX) & TYPE)
        .filter(|kind| ![SOCK_STREAM, SOCK_SEQPACKET].map(|k| k.unsigned_abs().into()).contains(kind));
    let pairs = others.map(|other| all([masked(other)?])).collect::<Result<_>>()?;
    rules.insert(libc::SYS_socketpair, pairs);
    // What is typed for whoever shares the terminal, is typed by a person.
    let typing = [TIOCSTI, TIOCLINUX].map(|request| all([is(1, request)?]));
    rules.insert(libc::SYS_ioctl, typing.into_iter().collect::<Result<_>>()?);
    Ok(rules)
}

fn all<const N: usize>(conditions: [SeccompCondition; N]) -> Result<SeccompRule> {
    SeccompRule::new(conditions.into()).map_err(seccompiler::Error::Backend)
}

fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
        .map_err(seccompiler::Error::Backend)
}

fn is(argument: u8, value: impl Into<u64>) -> Result<SeccompCondition> {
    condition(argument, SeccompCmpOp::Eq, value.into())
}

fn isnt(argument: u8, value: i32) -> Result<SeccompCondition> {
    condition(argument, SeccompCmpOp::Ne, value.unsigned_abs().into())
}

fn kind(kind: i32) -> Result<SeccompCondition> {
    masked(kind.unsigned_abs().into())
}

fn masked(kind: u64) -> Result<SeccompCondition> {
    condition(1, SeccompCmpOp::MaskedEq(TYPE), kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_are_ones_that_a_kernel_takes() {
        for network in [false, true] {
            let program = program(network).unwrap();
            assert!(!program.is_empty() && program.len() < 4096, "{}", program.len());
        }
    }
}
