//! Operators: who may ask, and with which key. Rows stay for ever, because the audit log names them.

use crate::ledger::Now;
use crate::ledger::book::Book;
use atm_rpc::error::{Conflict, ServiceError};
use atm_rpc::operator::Role;
use atm_rpc::operator::operators::Oneself;
use atm_rpc::types::time::Timestamp;

/// An operator, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Its place: dense, from 1.
    pub id: i64,
    /// The role.
    pub role: Role,
    /// SHA-256 of the certificate.
    pub fingerprint: [u8; 32],
    /// Whether it is let in.
    pub enabled: bool,
    /// Since when it has this certificate.
    pub created_at: Timestamp,
}

/// A certificate that atmd issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of the public key.
    pub key: [u8; 32],
    /// The certificate, as PEM.
    pub pem: String,
}

/// A wish to let somebody in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// The operator's name.
    pub name: String,
    /// The role.
    pub role: Role,
    /// SHA-256 of the certificate.
    pub fingerprint: [u8; 32],
    /// The certificate.
    pub certificate: Certificate,
}

/// A wish to know an operator by a new certificate of the key that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// The operator's name.
    pub name: String,
    /// SHA-256 of the certificate that it was known by, when the new one was made.
    pub replaces: [u8; 32],
    /// SHA-256 of the new one.
    pub fingerprint: [u8; 32],
    /// The new one.
    pub certificate: Certificate,
}

/// What became of an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether anything is different now.
    pub changed: bool,
    /// The name.
    pub name: String,
    /// The role.
    pub role: Role,
    /// Whether it is let in.
    pub enabled: bool,
    /// Its certificate as PEM, where it was asked for.
    pub certificate: Option<String>,
}

/// Lets somebody in. A name that is there with this key and role stays as it is.
pub(super) fn add(book: &mut Book, wish: &NewKey, now: Now) -> Result<Standing, ServiceError> {
    let NewKey { name, role, fingerprint, certificate } = wish;
    let there = book.operators.get(name).cloned();
    let kept = there.as_ref().and_then(|operator| book.certificates.get(&operator.id));
    if let Some(operator) = &there {
        match (operator.enabled, kept.filter(|kept| kept.key == certificate.key)) {
            (true, Some(kept)) if operator.role == *role => {
                return Ok(standing(name, operator, Change::None, Some(kept.pem.clone())));
            }
            (true, Some(_)) => return Err(ServiceError::Conflict(Conflict::OperatorRole)),
            (true, None) => return Err(ServiceError::Conflict(Conflict::OperatorKey)),
            (false, Some(_)) => return Err(ServiceError::Conflict(Conflict::KeyDisabled)),
            (false, None) => {}
        }
    }
    if book.certificates.values().any(|other| other.key == certificate.key) {
        return Err(ServiceError::Conflict(Conflict::KeyTaken));
    }
    let newest = book.operators.values().map(|operator| operator.id).max().unwrap_or(0);
    let operator = Operator {
        id: there.map_or(newest + 1, |operator| operator.id),
        role: *role,
        fingerprint: *fingerprint,
        enabled: true,
        created_at: now.at,
    };
    book.certificates.insert(operator.id, certificate.clone());
    book.changes.certificates.insert(operator.id);
    let standing = standing(name, &operator, Change::Made, Some(certificate.pem.clone()));
    keep(book, name, operator);
    Ok(standing)
}

/// Knows an operator by a new certificate. Who meanwhile has another key, or is out, stays so. The certificate that was
/// to be replaced may have been replaced already, by one of the same key that its owner does not have any more.
pub(super) fn renew(book: &mut Book, wish: &Renewal, now: Now) -> Result<Standing, ServiceError> {
    let Renewal { name, replaces, fingerprint, certificate } = wish;
    let operator = book.operators.get(name).cloned().ok_or(ServiceError::NotFound)?;
    if !operator.enabled {
        return Err(ServiceError::Conflict(Conflict::KeyDisabled));
    }
    if operator.fingerprint == *fingerprint {
        return Ok(standing(name, &operator, Change::None, Some(certificate.pem.clone())));
    }
    let kept = book.certificates.get(&operator.id);
    if operator.fingerprint != *replaces && kept.is_none_or(|kept| kept.key != certificate.key) {
        return Err(ServiceError::Conflict(Conflict::OperatorKey));
    }
    let operator = Operator { fingerprint: *fingerprint, created_at: now.at, ..operator };
    book.certificates.insert(operator.id, certificate.clone());
    book.changes.certificates.insert(operator.id);
    let standing = standing(name, &operator, Change::Made, Some(certificate.pem.clone()));
    keep(book, name, operator);
    Ok(standing)
}

/// Lets an operator in no longer.
pub(super) fn disable(
    book: &mut Book,
    name: &str,
    actor: &str,
    oneself: Oneself,
) -> Result<Standing, ServiceError> {
    let operator = book.operators.get(name).cloned().ok_or(ServiceError::NotFound)?;
    if !operator.enabled {
        return Ok(standing(name, &operator, Change::None, None));
    }
    let mut admins = book.operators.values().filter(|other| other.enabled && other.role == Role::Admin);
    if operator.role == Role::Admin && !admins.any(|other| other.id != operator.id) {
        return Err(ServiceError::Conflict(Conflict::LastAdmin));
    }
    if name == actor && oneself == Oneself::Refused {
        return Err(ServiceError::Conflict(Conflict::Oneself));
    }
    let operator = Operator { enabled: false, ..operator };
    let standing = standing(name, &operator, Change::Made, None);
    keep(book, name, operator);
    Ok(standing)
}

/// Whether an act comes from somebody who was disabled since the call was let in.
pub(super) fn is_out(book: &Book, actor: &str) -> bool {
    book.operators.get(actor).is_some_and(|operator| !operator.enabled)
}

fn keep(book: &mut Book, name: &str, operator: Operator) {
    book.operators.insert(name.to_owned(), operator);
    book.changes.operators.insert(name.to_owned());
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    None,
    Made,
}

fn standing(name: &str, operator: &Operator, change: Change, certificate: Option<String>) -> Standing {
    let Operator { role, enabled, .. } = *operator;
    Standing { changed: change == Change::Made, name: name.to_owned(), role, enabled, certificate }
}
