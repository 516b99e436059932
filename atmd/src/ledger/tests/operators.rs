//! Who is let in and out, as scripts: `wish => answer`. Keys and certificates are one number each.

use super::{Bank, Decision, operate};
use crate::ledger::operators::{Certificate, NewKey, Renewal, Standing};
use crate::ledger::request::{Answer, OperatorAct, Request};
use atm_rpc::error::ServiceError;
use atm_rpc::operator::Role;
use atm_rpc::operator::operators::Oneself;

/// `ACTOR add NAME ROLE KEY`, `ACTOR renew NAME KEY CERTIFICATE REPLACED`, `ACTOR disable NAME`,
/// `ACTOR disable-myself NAME`, `ACTOR blacklists`. The first certificate of a key has its number.
const SCRIPTS: &[(&str, &str)] = &[
    (
        "a name is added once, and a repeat gives the certificate that it has",
        "root add asha viewer 1 => changed: asha viewer in, certificate 1
        root add asha viewer 1 => unchanged: asha viewer in, certificate 1
        root add asha viewer 2 => OperatorKey
        root add asha admin 1 => OperatorRole
        root add asha admin 2 => OperatorKey
        root add ravi viewer 1 => KeyTaken
        root add ravi operator 2 => changed: ravi operator in, certificate 2",
    ),
    (
        "who was disabled stays out, and may come back with another key",
        "root add asha viewer 1 => changed: asha viewer in, certificate 1
        root disable asha => changed: asha viewer out
        root disable asha => unchanged: asha viewer out
        root add asha viewer 1 => KeyDisabled
        root add asha admin 1 => KeyDisabled
        root add ravi viewer 1 => KeyTaken
        root add asha operator 2 => changed: asha operator in, certificate 2
        root add ravi viewer 1 => changed: ravi viewer in, certificate 1",
    ),
    (
        "a renewed operator keeps the key, and whoever has another one by now keeps that",
        "root add asha viewer 1 => changed: asha viewer in, certificate 1
        root renew asha 1 11 1 => changed: asha viewer in, certificate 11
        root renew asha 1 11 1 => unchanged: asha viewer in, certificate 11
        root renew asha 1 12 1 => changed: asha viewer in, certificate 12
        root renew asha 2 21 2 => OperatorKey
        root disable asha => changed: asha viewer out
        root renew asha 1 13 12 => KeyDisabled
        root add asha viewer 2 => changed: asha viewer in, certificate 2
        root renew asha 1 13 12 => OperatorKey
        root renew nobody 1 13 12 => NotFound",
    ),
    (
        "there is always an admin who is enabled",
        "root disable root => LastAdmin
        root disable-myself root => LastAdmin
        root add asha viewer 1 => changed: asha viewer in, certificate 1
        root disable-myself root => LastAdmin
        root add ravi admin 2 => changed: ravi admin in, certificate 2
        root disable root => Oneself
        root disable-myself root => changed: root admin out
        ravi disable ravi => LastAdmin
        ravi disable nobody => NotFound",
    ),
    (
        "whoever is out does nothing more, whatever was under way",
        "root add ravi admin 1 => changed: ravi admin in, certificate 1
        ravi disable root => changed: root admin out
        root disable ravi => OperatorUnknown
        root add asha viewer 2 => OperatorUnknown
        root blacklists => OperatorUnknown
        ravi blacklists => changed",
    ),
];

#[test]
fn operators_come_and_go_by_the_rules() {
    for (name, script) in SCRIPTS {
        let mut bank = Bank::open();
        for (line, audits) in script.lines().zip(1..) {
            let (wish, expected) = line.trim().split_once(" => ").unwrap();
            let found = in_words(&bank.ask(&request(wish)));
            assert_eq!(found, expected, "{name}: {wish}");
            let rows = &bank.book.changes.audits;
            assert_eq!(rows.len(), audits, "each wish has its row of the audit log");
            let refused = rows.last().is_some_and(|row| row.result.starts_with("refused: "));
            assert_eq!(refused, !expected.contains("changed"), "{name}: {wish}: {:?}", rows.last());
        }
    }
}

fn request(wish: &str) -> Request {
    let words: Vec<&str> = wish.split(' ').collect();
    let (actor, act) = match words.as_slice() {
        [actor, "add", name, role, key] => (actor, OperatorAct::OperatorAdd(new_key(name, role, key))),
        [actor, "renew", name, key, print, replaced] => {
            (actor, OperatorAct::OperatorRenew(renewal(name, [key, print, replaced])))
        }
        [actor, "disable", name] => {
            (actor, OperatorAct::OperatorDisable { name: (*name).into(), oneself: Oneself::Refused })
        }
        [actor, "disable-myself", name] => {
            (actor, OperatorAct::OperatorDisable { name: (*name).into(), oneself: Oneself::Meant })
        }
        [actor, "blacklists"] => {
            let number = super::number(1);
            let reason = "a test".to_owned();
            (actor, OperatorAct::BlacklistAdd { number, reason, until: None, masked: true })
        }
        _ => panic!("{wish} is no wish"),
    };
    match operate(act) {
        Request::Operate { mut audit, act } => {
            audit.operator = (*actor).to_owned();
            Request::Operate { audit, act }
        }
        _ => panic!("an operator's"),
    }
}

fn new_key(name: &str, role: &str, key: &str) -> NewKey {
    let roles = [Role::Viewer, Role::Operator, Role::Admin];
    let role = roles.into_iter().find(|known| known.name() == role).unwrap();
    let number: u8 = key.parse().unwrap();
    let certificate = Certificate { key: [number; 32], pem: key.to_owned() };
    NewKey { name: name.to_owned(), role, fingerprint: [number; 32], certificate }
}

fn renewal(name: &str, numbers: [&str; 3]) -> Renewal {
    let [key, print, replaced] = numbers.map(|number| [number.parse().unwrap(); 32]);
    let certificate = Certificate { key, pem: numbers[1].to_owned() };
    Renewal { name: name.to_owned(), replaces: replaced, fingerprint: print, certificate }
}

fn in_words(decision: &Decision) -> String {
    match decision {
        Ok(Answer::Operator(Standing { changed, name, role, enabled, certificate })) => {
            let changed = if *changed { "changed" } else { "unchanged" };
            let enabled = if *enabled { "in" } else { "out" };
            let certificate = certificate.as_ref().map(|pem| format!(", certificate {pem}"));
            format!("{changed}: {name} {role} {enabled}{}", certificate.unwrap_or_default())
        }
        Ok(_) => "changed".to_owned(),
        Err(ServiceError::Conflict(conflict)) => format!("{conflict:?}"),
        Err(ServiceError::Unauthenticated(end)) => format!("{end:?}"),
        Err(error) => format!("{error:?}"),
    }
}
