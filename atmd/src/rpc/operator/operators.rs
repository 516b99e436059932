//! Operators for operators: who there is, letting somebody in, and out.

use super::{Call, hex, page, row_count};
use crate::ledger::operators::{NewKey, Operator, Renewal, Standing};
use crate::ledger::request::{Answer, OperatorAct};
use crate::pki::{PkiError, ROOT, Stated, stated_in_pem};
use crate::rpc::{internal, unexpected, unreadable};
use atm_rpc::error::{BadRequest, ServiceError};
use atm_rpc::operator::operators::{
    OPERATOR_NAME_LENGTH_MAX, Oneself, OperatorChange, OperatorEntry, OperatorPage, SIGNING_REQUEST_BYTES_MAX,
};
use atm_rpc::operator::{Mode, Role};
use tokio::task::spawn_blocking;

/// Who acted where no operator did; an operator of that name would be taken for it.
const RESERVED: &str = crate::ledger::blacklist::ATMD;

impl Call {
    pub(super) async fn list_operators(
        &self,
        after: Option<i64>,
        rows: u32,
    ) -> Result<OperatorPage, ServiceError> {
        let (limit, count) = row_count(rows);
        let found = self.services().store.operators(after, limit).await.map_err(unreadable)?;
        let (found, more) = page(found, count);
        let store = &self.services().store;
        let ids = found.iter().map(|(_, operator)| operator.id);
        let kept = store.certificates(ids).await.map_err(unreadable)?;
        let in_file = self.services().pki.root();
        let ends_at = |operator: &Operator| {
            let kept = kept.get(&operator.id).and_then(|pem| stated_in_pem(pem));
            let known = |stated: &&Stated| stated.fingerprint == operator.fingerprint;
            kept.as_ref().or(in_file.as_ref()).filter(known).map(|stated| stated.until)
        };
        let rows = found.into_iter().map(|(name, operator)| OperatorEntry {
            id: operator.id,
            name,
            ends_at: ends_at(&operator),
            role: operator.role,
            enabled: operator.enabled,
            fingerprint: hex(&operator.fingerprint),
            created_at: operator.created_at,
        });
        Ok(OperatorPage { rows: rows.collect(), more })
    }

    pub(super) async fn add_operator(
        &self,
        name: String,
        role: Role,
        request: String,
    ) -> Result<OperatorChange, ServiceError> {
        match self.certify(name, role, request).await {
            Ok(key) => self.change_operator(OperatorAct::OperatorAdd(key)).await,
            Err(bad @ ServiceError::BadRequest(_)) => Err(self.refuse(bad).await),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn disable_operator(
        &self,
        name: String,
        oneself: Oneself,
    ) -> Result<OperatorChange, ServiceError> {
        let change = self.change_operator(OperatorAct::OperatorDisable { name, oneself }).await?;
        if change.changed && !change.dry_run {
            self.services().presence.end(&change.name, &self.connection.present);
        }
        Ok(change)
    }

    pub(super) async fn renew_operator(&self, name: String) -> Result<OperatorChange, ServiceError> {
        // It lies in a file of atmd's, which would be left behind.
        let services = self.services();
        let kept = match name.as_str() {
            ROOT => None,
            _ => services.store.operator_named(&name).await.map_err(unreadable)?,
        };
        let Some((Operator { fingerprint: replaces, .. }, Some(kept))) = kept else {
            // What would not be is noted nowhere.
            return Err(match self.rights.mode() {
                Mode::Change => self.refuse(ServiceError::NotFound).await,
                Mode::DryRun | Mode::Read => ServiceError::NotFound,
            });
        };
        let (pki, of) = (services.pki.clone(), name.clone());
        let certified = spawn_blocking(move || pki.recertify(&of, &kept)).await;
        let (fingerprint, certificate) =
            certified.map_err(|error| internal(&error))?.map_err(|error| internal(&error))?;
        let wish = Renewal { name, replaces, fingerprint, certificate };
        self.change_operator(OperatorAct::OperatorRenew(wish)).await
    }

    /// A certificate that nothing comes of unless the ledger takes it.
    async fn certify(&self, name: String, role: Role, request: String) -> Result<NewKey, ServiceError> {
        if !is_operator_name(&name) {
            return Err(ServiceError::BadRequest(BadRequest::OperatorName));
        }
        if request.len() > SIGNING_REQUEST_BYTES_MAX {
            return Err(ServiceError::BadRequest(BadRequest::SigningRequest));
        }
        let pki = self.services().pki.clone();
        let certified = spawn_blocking(move || pki.certify(&name, role, &request)).await;
        certified.map_err(|error| internal(&error))?.map_err(|error| match error {
            PkiError::Request(_) => ServiceError::BadRequest(BadRequest::SigningRequest),
            error => internal(&error),
        })
    }

    async fn change_operator(&self, act: OperatorAct) -> Result<OperatorChange, ServiceError> {
        let dry_run = self.rights.mode() == Mode::DryRun;
        match self.change(act).await? {
            Answer::Operator(Standing { changed, name, role, enabled, certificate }) => {
                self.services().remembered.forget();
                let certificate = certificate.filter(|_| !dry_run);
                Ok(OperatorChange { changed, dry_run, name, role, enabled, certificate })
            }
            other => Err(unexpected(&other)),
        }
    }
}

fn is_operator_name(name: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
    name.len() <= OPERATOR_NAME_LENGTH_MAX
        && name.bytes().all(plain)
        && name.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
        && name != RESERVED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_no_two_look_alike() {
        for good in ["root", "a", "asha.rao", "night-shift_2", "a".repeat(32).as_str()] {
            assert!(is_operator_name(good), "{good}");
        }
        for bad in ["", "atmd", "Asha", "2nd", "-x", "a b", "a\n", "ä", "a/b", "a".repeat(33).as_str()] {
            assert!(!is_operator_name(bad), "{bad}");
        }
    }
}
