//! The commands of `atmctl operator`: who may operate this bank.
//!
//! The private key of a new operator is made here and stays here: atmd gets a request that is signed with it, and
//! answers with a certificate.

mod identity;

use atm_plugin_sdk::{Column, Command, Host};
use atm_rpc::operator::operators::{Oneself, OperatorChange, OperatorEntry};
use atm_rpc::operator::{Capability, Mode, PAGE_ROWS_MAX, Role};
use atm_rpc::plugin::{Code, Failure, Kind};
use clap::ValueEnum;
use identity::Identity;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Who may operate this bank.
#[derive(Debug, clap::Parser)]
#[command(name = "operator", version)]
pub enum Operators {
    /// Every operator, disabled ones included, oldest first.
    List,
    /// Let somebody in: makes a key, has atmd certify it, and writes both to a file for that person.
    Add {
        /// The operator's name, as the audit log will have it.
        name: String,
        /// What the operator may do.
        #[arg(long)]
        role: As,
        /// The file for key and certificate; what is in it already is not overwritten.
        #[arg(long)]
        out: PathBuf,
    },
    /// Certify an operator's key anew; the old certificate is refused from then on. Whoever has the key puts the new one
    /// behind it: cat NEW.pem >> OLD.pem.
    Renew {
        /// The operator's name.
        name: String,
        /// The file for the new certificate, or the file with the operator's key, to which it is added.
        #[arg(long)]
        out: PathBuf,
    },
    /// Let an operator in no longer; open connections end at once, and the key stays out for good.
    Disable {
        /// The operator's name.
        name: String,
        /// Even if this is you.
        #[arg(long)]
        myself: bool,
    },
}

/// What an operator may do; each role has what the one before it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum As {
    /// Looks, with numbers masked.
    Viewer,
    /// Helps customers.
    Operator,
    /// Runs the service.
    Admin,
}

impl From<As> for Role {
    fn from(role: As) -> Self {
        match role {
            As::Viewer => Self::Viewer,
            As::Operator => Self::Operator,
            As::Admin => Self::Admin,
        }
    }
}

/// What clap does not know about the commands.
pub const COMMANDS: &[Command] = &[
    Command::rows("list", "atmctl.operator.list/1", ENTRY).needs(&[Capability::AuditRead]).examples(&[""]),
    Command::rows("add", "atmctl.operator.add/1", CHANGE)
        .needs(&[Capability::OperatorsWrite])
        .changes()
        .writes(&["out"])
        .examples(&["ravi --role operator --out ravi.pem"]),
    Command::rows("renew", "atmctl.operator.renew/1", CHANGE)
        .needs(&[Capability::OperatorsWrite])
        .changes()
        .values(&[("name", "OperatorList", "name")])
        .writes(&["out"])
        .examples(&["asha --out asha-new.pem"]),
    Command::rows("disable", "atmctl.operator.disable/1", CHANGE)
        .needs(&[Capability::OperatorsWrite])
        .destroys()
        .values(&[("name", "OperatorList", "name")])
        .examples(&["asha"]),
];

const ENTRY: &[Column] = &[
    Column::new("name", Kind::Text),
    Column::new("role", Kind::Choice),
    Column::new("enabled", Kind::Boolean),
    Column::new("since", Kind::Date),
    Column::new("ends", Kind::Date),
    Column::new("fingerprint", Kind::Text),
];
const CHANGE: &[Column] = &[
    Column::new("name", Kind::Text),
    Column::new("role", Kind::Choice),
    Column::new("changed", Kind::Boolean),
    Column::new("enabled", Kind::Boolean),
    Column::new("dry_run", Kind::Boolean),
];

/// Runs a command.
///
/// # Errors
/// What atmd or the file says.
pub async fn work(command: Operators, host: &mut Host) -> Result<(), Failure> {
    match command {
        Operators::List => list(host).await,
        Operators::Add { name, role, out } => add(host, name, role.into(), &out).await,
        Operators::Renew { name, out } => renew(host, name, &out).await,
        Operators::Disable { name, myself } => {
            let oneself = if myself { Oneself::Meant } else { Oneself::Refused };
            let disabled =
                host.call(async |atmd, context| atmd.operator_disable(context, name, oneself).await).await;
            change_row(host, &disabled.map_err(absent)?)
        }
    }
}

async fn list(host: &mut Host) -> Result<(), Failure> {
    let mut after = None;
    loop {
        let page = host.call(async |atmd, context| atmd.operator_list(context, after, PAGE_ROWS_MAX).await);
        let page = page.await?;
        page.rows.iter().try_for_each(|entry| entry_row(host, entry))?;
        let last = page.rows.last().map(|entry| entry.id);
        if !page.more || last <= after {
            return Ok(());
        }
        after = last;
        host.flush()?;
    }
}

async fn add(host: &mut Host, name: String, role: Role, out: &Path) -> Result<(), Failure> {
    let me = host.call(async |atmd, context| atmd.whoami(context).await).await?;
    let identity = if me.mode == Mode::Change { Identity::keep(out)? } else { Identity::try_out(out)? };
    let request = identity.request()?;
    let added = host.call(async |atmd, context| atmd.operator_add(context, name, role, request).await).await;
    let change = match added {
        Ok(change) => change,
        Err(failure) => {
            // Where it is not known what became of it, a repeat needs the key.
            if !matches!(failure.code, Code::TryAgain | Code::Unreachable) {
                identity.give_up();
            }
            return Err(failure);
        }
    };
    if let Some(certificate) = &change.certificate {
        identity.complete(certificate)?;
        host.note(&format!(
            "{} has the private key of {}: whoever has the file is that operator; hand it over with atmd's public/ca.pem",
            out.display(),
            change.name
        ));
    }
    change_row(host, &change)
}

async fn renew(host: &mut Host, name: String, out: &Path) -> Result<(), Failure> {
    let me = host.call(async |atmd, context| atmd.whoami(context).await).await?;
    // Before anything changes: afterwards there must be a place for the certificate.
    let file = if me.mode == Mode::Change { Some(identity::to_append(out, &name)?) } else { None };
    let is_root = name == "root";
    let renewed = host.call(async |atmd, context| atmd.operator_renew(context, name).await).await;
    let change = renewed.map_err(|failure| match failure.code {
        Code::NotFound if is_root => {
            Failure::new(Code::NotFound, "root's certificate lies with atmd, and is renewed there")
                .hint("as root on that machine: atmd pki renew --all")
        }
        _ => absent(failure),
    })?;
    if let (Some(file), Some(certificate)) = (file, &change.certificate) {
        let what_now =
            if file.has_key() { "" } else { "; it belongs behind the key: cat NEW.pem >> OLD.pem" };
        file.append(certificate)?;
        host.note(&format!(
            "{} has the new certificate of {}, and the old one is refused now{what_now}",
            out.display(),
            change.name
        ));
    }
    change_row(host, &change)
}

fn entry_row(host: &mut Host, entry: &OperatorEntry) -> Result<(), Failure> {
    host.row(&json!({
        "name": entry.name, "role": entry.role, "enabled": entry.enabled, "since": entry.created_at,
        "ends": entry.ends_at, "fingerprint": entry.fingerprint,
    }))
}

fn change_row(host: &mut Host, change: &OperatorChange) -> Result<(), Failure> {
    host.row(&json!({
        "name": change.name, "role": change.role, "changed": change.changed, "enabled": change.enabled,
        "dry_run": change.dry_run,
    }))
}

fn absent(failure: Failure) -> Failure {
    match failure.code {
        Code::NotFound => Failure::new(Code::NotFound, "there is no operator of this name")
            .hint("see: atmctl operator list"),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_and_the_parser_agree() {
        let description = atm_plugin_sdk::describe::<Operators>(COMMANDS).unwrap();
        let found: Vec<_> =
            description.commands.iter().map(|c| (c.name.as_str(), c.changes, c.destructive)).collect();
        assert_eq!(
            found,
            [("list", false, false), ("add", true, false), ("renew", true, false), ("disable", true, true)]
        );
        let add: Vec<_> =
            description.commands[1].arguments.iter().map(|a| (a.name.as_str(), a.kind)).collect();
        assert_eq!(add, [("name", Kind::Text), ("role", Kind::Choice), ("out", Kind::PathWrite)]);
    }
}
