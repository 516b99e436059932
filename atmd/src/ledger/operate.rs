//! What operators do, each act with its row of the audit log: no row, no effect.

use crate::ledger::book::Book;
use crate::ledger::legacy::{self, Newcomers};
use crate::ledger::request::{Answer, Audit, AuditDraft, OperatorAct};
use crate::ledger::{Now, Rules, account, blacklist, operators};
use atm_rpc::error::{ServiceError, SessionEnd};
use atm_rpc::operator::account::AccountChange;
use atm_rpc::operator::legacy::LedgerImported;

/// Does what an operator asked for, or notes that it was refused, with its row of the audit log.
pub(super) fn operate(
    book: &mut Book,
    draft: &AuditDraft,
    act: &OperatorAct,
    rules: &Rules,
    now: Now,
) -> Result<Answer, ServiceError> {
    let answer = decide(book, &draft.operator, act, rules, now);
    let mut result = match (act, &answer) {
        (OperatorAct::Noted(result), _) => result.clone(),
        (_, Ok(Answer::Imported(imported))) if imported.changed => {
            format!("done: {} of {} rows", imported.added, imported.rows)
        }
        (_, Ok(Answer::History(imported))) => {
            let LedgerImported { entries, rows, customers, .. } = **imported;
            format!("done: {entries} entries of {rows} rows, {customers} customers")
        }
        (_, Ok(answer)) => if answer.changed() == Some(false) { "unchanged" } else { "done" }.to_owned(),
        (_, Err(error)) => format!("refused: {error}"),
    };
    book.head.audit += 1;
    let mut draft = draft.clone();
    for (text, length_max) in [
        (&mut draft.capabilities, AUDIT_CAPABILITIES_MAX),
        (&mut draft.arguments, AUDIT_ARGUMENTS_MAX),
        (&mut result, AUDIT_RESULT_MAX),
    ] {
        cut(text, length_max);
    }
    book.changes.audits.push(Audit { id: book.head.audit, at: now.at, draft, result });
    answer
}

/// What the act comes to. An error has changed nothing.
fn decide(
    book: &mut Book,
    actor: &str,
    act: &OperatorAct,
    rules: &Rules,
    now: Now,
) -> Result<Answer, ServiceError> {
    let notes = matches!(act, OperatorAct::Refused(_) | OperatorAct::Noted(_));
    if !notes && operators::is_out(book, actor) {
        return Err(ServiceError::Unauthenticated(SessionEnd::OperatorUnknown));
    }
    match act {
        OperatorAct::BlacklistAdd { number, reason, until, masked } => {
            let change = blacklist::operator_adds(book, *number, reason, *until, actor, *masked, now);
            Ok(Answer::Blacklist(change))
        }
        OperatorAct::BlacklistRemove { number, reason, masked } => {
            Ok(Answer::Blacklist(blacklist::operator_removes(book, *number, reason, actor, *masked, now)))
        }
        OperatorAct::OperatorAdd(wish) => operators::add(book, wish, now).map(Answer::Operator),
        OperatorAct::OperatorRenew(wish) => operators::renew(book, wish, now).map(Answer::Operator),
        OperatorAct::OperatorDisable { name, oneself } => {
            operators::disable(book, name, actor, *oneself).map(Answer::Operator)
        }
        OperatorAct::BlacklistImport { rows } => {
            Ok(Answer::Imported(blacklist::import(book, rows, actor, now)))
        }
        OperatorAct::LedgerImport { rows, pin, masked } => {
            legacy::import(book, rows, Newcomers { pin, actor, masked: *masked }, rules, now)
                .map(|imported| Answer::History(Box::new(imported)))
        }
        OperatorAct::Account { number, act, masked } => {
            let change = account::change(book, *number, act, actor, rules, now)?;
            Ok(Answer::Account(AccountChange { number: blacklist::shown(*number, *masked), ..change }))
        }
        OperatorAct::Refused(error) => Err(*error),
        OperatorAct::Noted(_) => Ok(Answer::Done),
    }
}

/// The longest texts of a row of the audit log, in bytes; what is longer is cut.
const AUDIT_CAPABILITIES_MAX: usize = 512;
const AUDIT_ARGUMENTS_MAX: usize = 1_024;
const AUDIT_RESULT_MAX: usize = 128;

fn cut(text: &mut String, length_max: usize) {
    while text.len() > length_max {
        text.pop();
    }
}
