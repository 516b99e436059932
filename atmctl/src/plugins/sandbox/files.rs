//! Which files a plugin reaches, and whom it signals: Landlock.

use super::Policy;
use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use std::path::{Path, PathBuf};

/// The newest that this was written for. Of an older kernel, what it has.
const WANTED: ABI = ABI::V6;

/// Whether the kernel confines files, then also lengths and devices, then also signals.
pub(super) fn available() -> (bool, bool, bool) {
    let strict = || Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    (
        strict().handle_access(AccessFs::from_all(ABI::V1)).is_ok(),
        strict().handle_access(AccessFs::Truncate | AccessFs::IoctlDev).is_ok(),
        strict().scope(Scope::from_all(ABI::V6)).is_ok(),
    )
}

/// Takes from this process, for good, every other file. Says whether the kernel did.
pub(super) fn confine(policy: &Policy) -> Result<bool, RulesetError> {
    let look = AccessFs::ReadFile | AccessFs::ReadDir;
    let run = look | AccessFs::Execute;
    let write = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::IoctlDev;
    let unwanted = AccessFs::Execute
        | AccessFs::MakeChar
        | AccessFs::MakeBlock
        | AccessFs::MakeSock
        | AccessFs::IoctlDev;
    let own = AccessFs::from_all(WANTED) & !unwanted;
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(WANTED))?
        .scope(Scope::from_all(WANTED))?
        .create()?;
    let all = [(&policy.run, run), (&policy.read, look), (&policy.write, write), (&policy.own, own)];
    for (path, access) in all.into_iter().flat_map(|(paths, access)| paths.iter().map(move |p| (p, access))) {
        rules = allow(rules, path, access)?;
    }
    Ok(rules.restrict_self()?.ruleset != RulesetStatus::NotEnforced)
}

fn allow(
    rules: RulesetCreated,
    path: &PathBuf,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    // What is not there, or cannot be seen, needs no right.
    let Ok(opened) = PathFd::new(path) else { return Ok(rules) };
    let access = if is_folder(path) { access } else { access & AccessFs::from_file(WANTED) };
    rules.add_rule(PathBeneath::new(opened, access))
}

fn is_folder(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_dir())
}
