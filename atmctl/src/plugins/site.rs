//! Files of the site: what a command is given where the operator names no file.

use super::paths::Values;
use crate::identity::{DATA, places};
use atm_rpc::plugin::{Argument, Code, Command, Failure, Form, Site};
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Names the site's files for arguments that were left out.
pub(crate) fn supply(command: &Command, values: &mut Values) -> Result<(), Failure> {
    for argument in &command.arguments {
        let Some(site) = argument.site else { continue };
        let given = values.entry(argument.name.clone()).or_default();
        if given.is_empty() {
            given.extend(found(site, argument, &DATA.map(PathBuf::from))?);
        }
    }
    Ok(())
}

/// The file in the first data directory that has it. `None`: the command does without.
fn found(site: Site, argument: &Argument, data: &[PathBuf]) -> Result<Option<String>, Failure> {
    for path in data.iter().map(|data| data.join(site.path())) {
        match File::open(&path) {
            Ok(_) => return Ok(Some(path.display().to_string())),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && argument.required => {
                return Err(denied(&path));
            }
            Err(_) => {}
        }
    }
    let word = match argument.form {
        Form::Flag => format!("--{} FILE", argument.name),
        Form::Positional => argument.name.to_uppercase(),
    };
    let missing = || {
        let text = format!("there is no {}", places(site.path()));
        Failure::new(Code::NotFound, text)
            .hint(format!("run it where atmd's data is, or name a file: {word}"))
    };
    if argument.required { Err(missing()) } else { Ok(None) }
}

/// What somebody may not read is there; its group, or that of the folder around it, gives the right.
fn denied(path: &Path) -> Failure {
    let failure = Failure::new(Code::Denied, format!("{} may not be read by you", path.display()));
    let closed = path.ancestors().skip(1).find_map(|folder| folder.metadata().ok());
    match path.metadata().ok().or(closed).and_then(|metadata| group(&metadata)) {
        Some(group) => {
            failure.hint(format!("the group {group} gives the right to read it; or run it with sudo"))
        }
        None => failure.hint("run it with sudo"),
    }
}

/// The group's name where the system has one, or its number.
fn group(metadata: &Metadata) -> Option<String> {
    let id = metadata.gid();
    let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
    let named = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    });
    // Root's group is nobody's right.
    (id != 0).then(|| named.unwrap_or_else(|| id.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use atm_rpc::plugin::Kind;

    fn argument(required: bool) -> Argument {
        let text = format!(
            r#"{{"name":"file","kind":"path:read","form":"flag","help":"What","required":{required},"site":"ledger/bank.csv"}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn the_first_data_directory_that_has_the_file_is_the_site() {
        let folder = tempfile::tempdir().unwrap();
        let data = ["one", "two"].map(|name| folder.path().join(name));
        assert_eq!(found(Site::BankLedger, &argument(false), &data), Ok(None));
        let failure = found(Site::BankLedger, &argument(true), &data).unwrap_err();
        assert!(failure.code == Code::NotFound && failure.hint.unwrap().contains("--file FILE"));
        std::fs::create_dir_all(data[1].join("ledger")).unwrap();
        std::fs::write(data[1].join("ledger/bank.csv"), "x").unwrap();
        let file = data[1].join("ledger/bank.csv").display().to_string();
        assert_eq!(found(Site::BankLedger, &argument(true), &data), Ok(Some(file)));
        assert_eq!(argument(true).kind, Kind::PathRead);
    }
}
