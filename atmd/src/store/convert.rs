//! Between rows of the database and values of the ledger.

use super::StoreError;
use super::entity::{
    account, audit, blacklist, blacklist_event, certificate, credential, journal, operator, rejection,
    reset_code, session,
};
use crate::ledger::book::{Account, Credential, Event, KeyRecord, Listed, PinHash, ResetCode, Session};
use crate::ledger::entry::{Entry, PayloadHash, SessionRef, Transfer};
use crate::ledger::guesses::Guesses;
use crate::ledger::operators::{Certificate, Operator};
use crate::ledger::request::{Audit, AuditDraft};
use crate::seal::RowMac;
use atm_rpc::error::{Rejection, SessionEnd};
use atm_rpc::operator::Role;
use atm_rpc::operator::blacklist::BlacklistAct;
use atm_rpc::types::account::{AccountId, AccountState};
use atm_rpc::types::action::Action;
use atm_rpc::types::key::{RequestKey, Seq, SessionId};
use atm_rpc::types::money::Money;
use atm_rpc::types::terminal::TerminalName;
use atm_rpc::types::time::{BusinessDate, Timestamp};

/// A value that atmd cannot have written.
pub(super) fn corrupt(what: &str) -> StoreError {
    StoreError::corrupt(format!("the database holds an impossible {what}"))
}

pub(super) fn account_id(raw: i64) -> Result<AccountId, StoreError> {
    AccountId::from_raw(raw).ok_or_else(|| corrupt("account number"))
}

fn array<const N: usize>(bytes: &[u8], what: &str) -> Result<[u8; N], StoreError> {
    bytes.try_into().map_err(|_| corrupt(what))
}

fn unsigned(value: i32, what: &str) -> Result<u32, StoreError> {
    u32::try_from(value).map_err(|_| corrupt(what))
}

fn signed(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

const ACCOUNT_STATES: &[(AccountState, i32)] = &[
    (AccountState::Active, 0),
    (AccountState::DebitBlocked, 1),
    (AccountState::CreditBlocked, 2),
    (AccountState::Closed, 3),
    (AccountState::Blocked, 4),
];

const SESSION_ENDS: &[(SessionEnd, i32)] = &[
    (SessionEnd::Exited, 1),
    (SessionEnd::TakenOver, 2),
    (SessionEnd::ResumedElsewhere, 3),
    (SessionEnd::Idle, 4),
    (SessionEnd::TooLong, 5),
    (SessionEnd::Blacklisted, 6),
    (SessionEnd::PinReset, 7),
    (SessionEnd::AccountClosed, 8),
    (SessionEnd::Drained, 9),
];

const ACTS: &[(BlacklistAct, i32)] =
    &[(BlacklistAct::Added, 1), (BlacklistAct::Removed, 2), (BlacklistAct::Expired, 3)];

const ROLES: &[(Role, i32)] = &[(Role::Viewer, 1), (Role::Operator, 2), (Role::Admin, 3)];

fn code_of<T: PartialEq>(table: &[(T, i32)], value: &T) -> i32 {
    table.iter().find(|(known, _)| known == value).map_or(0, |(_, code)| *code)
}

fn from_code<T: Copy>(table: &[(T, i32)], code: i32, what: &str) -> Result<T, StoreError> {
    table.iter().find(|(_, known)| *known == code).map(|(value, _)| *value).ok_or_else(|| corrupt(what))
}

pub(super) fn role(code: i32) -> Result<Role, StoreError> {
    from_code(ROLES, code, "role")
}

pub(super) fn role_code(role: Role) -> i32 {
    code_of(ROLES, &role)
}

pub(super) fn audit(row: audit::Model) -> Result<Audit, StoreError> {
    let plugin = match (row.plugin, row.plugin_version, row.plugin_digest) {
        (Some(name), Some(version), Some(digest)) => Some((name, version, digest)),
        (None, None, None) => None,
        _ => return Err(corrupt("plugin in the audit log")),
    };
    let role = ROLES.iter().map(|(role, _)| *role).find(|role| role.name() == row.role);
    let draft = AuditDraft {
        operator: row.operator,
        role: role.ok_or_else(|| corrupt("role in the audit log"))?,
        command: row.command,
        plugin,
        capabilities: row.capabilities,
        method: row.method.into(),
        arguments: row.arguments,
    };
    Ok(Audit { id: row.id, at: Timestamp::from_ms(row.at), draft, result: row.result })
}

pub(super) fn operator(row: operator::Model) -> Result<(String, Operator), StoreError> {
    let operator = Operator {
        id: row.id,
        role: role(row.role)?,
        fingerprint: array(&row.fingerprint, "fingerprint")?,
        enabled: row.enabled == 1,
        created_at: Timestamp::from_ms(row.created_at),
    };
    Ok((row.name, operator))
}

pub(super) fn operator_row(name: &str, operator: &Operator) -> operator::Model {
    operator::Model {
        id: operator.id,
        name: name.to_owned(),
        role: role_code(operator.role),
        fingerprint: operator.fingerprint.to_vec(),
        enabled: i32::from(operator.enabled),
        created_at: operator.created_at.ms(),
    }
}

pub(super) fn certificate(row: certificate::Model) -> Result<(i64, Certificate), StoreError> {
    let key = array(&row.key_hash, "key of an operator")?;
    Ok((row.operator, Certificate { key, pem: row.pem }))
}

pub(super) fn certificate_row(operator: i64, certificate: &Certificate) -> certificate::Model {
    certificate::Model { operator, key_hash: certificate.key.to_vec(), pem: certificate.pem.clone() }
}

pub(super) fn state_code(state: AccountState) -> i32 {
    code_of(ACCOUNT_STATES, &state)
}

pub(super) fn account(row: &account::Model) -> Result<(AccountId, Account), StoreError> {
    let account = Account {
        posted: Money::from_minor(row.posted_minor),
        pending: Money::from_minor(row.pending_minor),
        state: from_code(ACCOUNT_STATES, row.state, "state of an account")?,
        last_seq: row.last_seq.map(Seq),
        opened_at: Timestamp::from_ms(row.opened_at),
    };
    Ok((account_id(row.id)?, account))
}

pub(super) fn account_row(id: AccountId, account: &Account) -> account::Model {
    account::Model {
        id: id.raw(),
        posted_minor: account.posted.minor(),
        pending_minor: account.pending.minor(),
        state: state_code(account.state),
        last_seq: account.last_seq.map(|Seq(seq)| seq),
        opened_at: account.opened_at.ms(),
    }
}

pub(super) fn credential(row: &credential::Model) -> Result<(AccountId, Credential), StoreError> {
    let pin = PinHash {
        pepper: row.pepper,
        memory_kib: unsigned(row.memory_kib, "cost of a PIN's hash")?,
        iterations: unsigned(row.iterations, "cost of a PIN's hash")?,
        salt: array(&row.salt, "salt")?,
        hash: array(&row.hash, "hash of a PIN")?,
    };
    let guesses = Guesses {
        attempts: unsigned(row.attempts, "count of attempts")?,
        failures: unsigned(row.failures, "count of failures")?,
        raised_at_ms: row.raised_at,
    };
    Ok((account_id(row.account)?, Credential { pin, guesses }))
}

pub(super) fn credential_row(id: AccountId, credential: &Credential) -> credential::Model {
    let Credential { pin, guesses } = credential;
    credential::Model {
        account: id.raw(),
        pepper: pin.pepper,
        memory_kib: signed(pin.memory_kib),
        iterations: signed(pin.iterations),
        salt: pin.salt.to_vec(),
        hash: pin.hash.to_vec(),
        attempts: signed(guesses.attempts),
        failures: signed(guesses.failures),
        raised_at: guesses.raised_at_ms,
    }
}

pub(super) fn reset_code(row: &reset_code::Model) -> Result<(AccountId, ResetCode), StoreError> {
    let code = PinHash {
        pepper: row.pepper,
        memory_kib: unsigned(row.memory_kib, "cost of a code's hash")?,
        iterations: unsigned(row.iterations, "cost of a code's hash")?,
        salt: array(&row.salt, "salt")?,
        hash: array(&row.hash, "hash of a code")?,
    };
    let (issued_at, expires_at) = (Timestamp::from_ms(row.issued_at), Timestamp::from_ms(row.expires_at));
    Ok((account_id(row.account)?, ResetCode { code, issued_at, expires_at }))
}

pub(super) fn reset_code_row(id: AccountId, kept: &ResetCode) -> reset_code::Model {
    let ResetCode { code, issued_at, expires_at } = kept;
    reset_code::Model {
        account: id.raw(),
        pepper: code.pepper,
        memory_kib: signed(code.memory_kib),
        iterations: signed(code.iterations),
        salt: code.salt.to_vec(),
        hash: code.hash.to_vec(),
        issued_at: issued_at.ms(),
        expires_at: expires_at.ms(),
    }
}

pub(super) fn session(row: &session::Model) -> Result<(SessionId, Session), StoreError> {
    let ended = match (row.ended_at, row.end_reason) {
        (Some(at), Some(reason)) => {
            Some((Timestamp::from_ms(at), from_code(SESSION_ENDS, reason, "end of a session")?))
        }
        _ => None,
    };
    let session = Session {
        account: account_id(row.account)?,
        token: array(&row.token_hash, "hash of a token")?,
        attachment: row.attachment,
        terminal: terminal(&row.terminal)?,
        started_at: Timestamp::from_ms(row.started_at),
        seen_at: Timestamp::from_ms(row.seen_at),
        ended,
    };
    Ok((SessionId(row.id), session))
}

pub(super) fn session_row(id: SessionId, session: &Session) -> session::Model {
    session::Model {
        id: id.0,
        account: session.account.raw(),
        token_hash: session.token.to_vec(),
        attachment: session.attachment,
        terminal: session.terminal.as_str().to_owned(),
        started_at: session.started_at.ms(),
        seen_at: session.seen_at.ms(),
        ended_at: session.ended.map(|(at, _)| at.ms()),
        end_reason: session.ended.map(|(_, reason)| code_of(SESSION_ENDS, &reason)),
    }
}

fn terminal(text: &str) -> Result<TerminalName, StoreError> {
    TerminalName::parse(text).map_err(|_| corrupt("terminal"))
}

pub(super) fn listed(row: &blacklist::Model) -> Result<(AccountId, Listed), StoreError> {
    let listed = Listed {
        id: row.id,
        reason: row.reason.clone(),
        actor: row.actor.clone(),
        since: Timestamp::from_ms(row.since),
        until: row.until.map(Timestamp::from_ms),
    };
    Ok((account_id(row.number)?, listed))
}

pub(super) fn listed_row(number: AccountId, listed: &Listed) -> blacklist::Model {
    blacklist::Model {
        number: number.raw(),
        id: listed.id,
        reason: listed.reason.clone(),
        actor: listed.actor.clone(),
        since: listed.since.ms(),
        until: listed.until.map(Timestamp::ms),
    }
}

pub(super) fn event(row: &blacklist_event::Model) -> Result<Event, StoreError> {
    Ok(Event {
        id: row.id,
        at: Timestamp::from_ms(row.at),
        number: account_id(row.number)?,
        act: from_code(ACTS, row.act, "event of the blacklist")?,
        reason: row.reason.clone(),
        actor: row.actor.clone(),
        until: row.until.map(Timestamp::from_ms),
    })
}

pub(super) fn event_row(event: &Event) -> blacklist_event::Model {
    blacklist_event::Model {
        id: event.id,
        at: event.at.ms(),
        number: event.number.raw(),
        act: code_of(ACTS, &event.act),
        reason: event.reason.clone(),
        actor: event.actor.clone(),
        until: event.until.map(Timestamp::ms),
    }
}

pub(super) fn rejection(row: &rejection::Model) -> Result<(RequestKey, KeyRecord), StoreError> {
    let key = RequestKey::try_from(row.request_key.as_slice()).map_err(|_| corrupt("request key"))?;
    let rejection: Rejection = postcard::from_bytes(&row.body).map_err(|_| corrupt("rejection"))?;
    let record = KeyRecord::Rejected {
        account: account_id(row.account)?,
        payload: array(&row.payload_hash, "hash of a request")?,
        rejection,
        at: Timestamp::from_ms(row.recorded_at),
    };
    Ok((key, record))
}

pub(super) fn rejection_row(
    key: RequestKey,
    account: AccountId,
    payload: &PayloadHash,
    rejection: Rejection,
    at: Timestamp,
) -> Result<rejection::Model, StoreError> {
    Ok(rejection::Model {
        request_key: key.bytes().to_vec(),
        account: account.raw(),
        payload_hash: payload.to_vec(),
        body: postcard::to_stdvec(&rejection).map_err(|_| corrupt("rejection"))?,
        recorded_at: at.ms(),
    })
}

pub(super) fn entry(row: &journal::Model) -> Result<Entry, StoreError> {
    let transfer = match (row.debit, row.credit, row.amount_minor) {
        (Some(debit), Some(credit), Some(amount)) => Some(Transfer {
            debit: account_id(debit)?,
            credit: account_id(credit)?,
            amount: Money::from_minor(amount),
        }),
        (None, None, None) => None,
        _ => return Err(corrupt("transfer")),
    };
    let session = match (row.session, row.session_started_at, row.elapsed_ms) {
        (Some(id), Some(started_at), Some(elapsed_ms)) => {
            Some(SessionRef { id: SessionId(id), started_at: Timestamp::from_ms(started_at), elapsed_ms })
        }
        (None, None, None) => None,
        _ => return Err(corrupt("session of an entry")),
    };
    let request = match (&row.request_key, &row.payload_hash) {
        (Some(key), Some(payload)) => {
            let key = RequestKey::try_from(key.as_slice()).map_err(|_| corrupt("request key"))?;
            Some((key, array(payload, "hash of a request")?))
        }
        (None, None) => None,
        _ => return Err(corrupt("request of an entry")),
    };
    Ok(Entry {
        seq: Seq(row.seq),
        recorded_at: Timestamp::from_ms(row.recorded_at),
        business_date: BusinessDate::from_days(row.business_date),
        action: Action::from_code(row.action).ok_or_else(|| corrupt("action"))?,
        customer: row.customer.map(account_id).transpose()?,
        transfer,
        customer_balance: row.customer_balance_minor.map(Money::from_minor),
        vault_balance: Money::from_minor(row.vault_balance_minor),
        session,
        terminal: row.terminal.as_deref().map(terminal).transpose()?,
        request,
        reverses: row.reverses.map(Seq),
        previous: row.prev_seq.map(Seq),
    })
}

pub(super) fn entry_row(entry: &Entry, mac: RowMac) -> journal::Model {
    journal::Model {
        seq: entry.seq.0,
        recorded_at: entry.recorded_at.ms(),
        business_date: entry.business_date.days(),
        action: entry.action.code(),
        customer: entry.customer.map(AccountId::raw),
        amount_minor: entry.transfer.map(|transfer| transfer.amount.minor()),
        debit: entry.transfer.map(|transfer| transfer.debit.raw()),
        credit: entry.transfer.map(|transfer| transfer.credit.raw()),
        customer_balance_minor: entry.customer_balance.map(Money::minor),
        vault_balance_minor: entry.vault_balance.minor(),
        session: entry.session.map(|session| session.id.0),
        session_started_at: entry.session.map(|session| session.started_at.ms()),
        elapsed_ms: entry.session.map(|session| session.elapsed_ms),
        terminal: entry.terminal.as_ref().map(|terminal| terminal.as_str().to_owned()),
        request_key: entry.request.map(|(key, _)| key.bytes().to_vec()),
        payload_hash: entry.request.map(|(_, payload)| payload.to_vec()),
        reverses: entry.reverses.map(|Seq(seq)| seq),
        prev_seq: entry.previous.map(|Seq(seq)| seq),
        mac: mac.to_vec(),
    }
}
