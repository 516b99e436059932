//! Customers' accounts for operators.

use super::{Call, check_reason, page, row_count};
use crate::ledger::book::{Book, PinHash, ResetCode};
use crate::ledger::needs::Needs;
use crate::ledger::request::{AccountAct, Answer, OperatorAct};
use crate::rpc::login::hash_error;
use crate::rpc::{internal, unexpected, unreadable};
use crate::store::accounts::AccountQuery;
use crate::store::read::ListedNumber;
use atm_rpc::error::{BadRequest, ServiceError};
use atm_rpc::operator::Mode;
use atm_rpc::operator::account::{
    AccountChange, AccountDetail, AccountFilter, AccountPage, AccountRow, AccountSession, Block,
    CODE_TTL_MS_MAX, CODE_TTL_MS_MIN, CodeIssued,
};
use atm_rpc::types::account::AccountId;
use atm_rpc::types::code::{self, OneTimeCode};
use atm_rpc::types::mobile::MobileNumber;
use zeroize::Zeroizing;

impl Call {
    pub(super) async fn list_accounts(
        &self,
        filter: AccountFilter,
        after: Option<String>,
        rows: u32,
    ) -> Result<AccountPage, ServiceError> {
        let services = self.services();
        let open = |cursor: String| services.cursors.account(&cursor);
        let after = after.map(|cursor| open(cursor).ok_or(ServiceError::BadRequest(BadRequest::Cursor)));
        let after = after.transpose()?;
        let (limit, count) = row_count(rows);
        let now = services.clock.now();
        let query = AccountQuery { state: filter.state, blacklisted: filter.blacklisted, after, limit, now };
        let (found, more) = page(services.store.list_accounts(query).await.map_err(unreadable)?, count);
        let last = found.last().map(|listed| listed.id).filter(|_| more);
        let rows = found.into_iter().map(|listed| AccountRow {
            number: self.rights.shown(listed.id),
            state: listed.account.state,
            posted_minor: listed.account.posted.minor(),
            opened_at: listed.account.opened_at,
            last_entry: listed.account.last_seq,
            blacklisted: listed.blacklisted,
        });
        Ok(AccountPage { rows: rows.collect(), next: last.map(|id| services.cursors.after(id)) })
    }

    pub(super) async fn show_account(&self, mobile: MobileNumber) -> Result<AccountDetail, ServiceError> {
        let id = AccountId::of(mobile);
        let mut needs = Needs::default();
        for wanted in
            [&mut needs.accounts, &mut needs.credentials, &mut needs.codes, &mut needs.open_sessions]
        {
            wanted.insert(id);
        }
        let Book { mut accounts, credentials, sessions, mut blacklist, codes, .. } =
            self.services().store.preview(&needs).await.map_err(unreadable)?;
        let account = accounts.remove(&id).ok_or(ServiceError::NotFound)?;
        let now = self.services().clock.now();
        let listed = blacklist.remove(&id).filter(|listed| listed.until.is_none_or(|until| until > now));
        let code_until = codes.get(&id).map(|code| code.expires_at).filter(|until| *until > now);
        let sessions = sessions.into_iter().map(|(id, session)| AccountSession {
            id,
            terminal: session.terminal,
            started_at: session.started_at,
            seen_at: session.seen_at,
        });
        Ok(AccountDetail {
            number: self.rights.shown(id),
            state: account.state,
            posted_minor: account.posted.minor(),
            pending_minor: account.pending.minor(),
            opened_at: account.opened_at,
            last_entry: account.last_seq,
            failures: credentials.get(&id).map_or(0, |credential| credential.guesses.failures),
            blacklist: listed.map(|listed| self.entry(ListedNumber { number: id, listed, registered: true })),
            code_until,
            sessions: sessions.collect(),
        })
    }

    pub(super) async fn open_account(
        &self,
        mobile: MobileNumber,
        reason: &str,
        code_ttl_ms: u64,
    ) -> Result<CodeIssued, ServiceError> {
        let (code, kept) = self.new_code(mobile, reason, code_ttl_ms).await?;
        // Of a PIN that nobody chose there is a hash that nobody can meet.
        let pin = PinHash { salt: random()?, hash: random()?, ..kept.code.clone() };
        let issued = self.issue(mobile, AccountAct::Open { pin, code: kept.clone() }, &code, &kept).await?;
        if self.rights.mode() == Mode::Change {
            self.services().strangers().forget(mobile);
        }
        Ok(issued)
    }

    pub(super) async fn reset_pin(
        &self,
        mobile: MobileNumber,
        reason: &str,
        code_ttl_ms: u64,
    ) -> Result<CodeIssued, ServiceError> {
        let (code, kept) = self.new_code(mobile, reason, code_ttl_ms).await?;
        self.issue(mobile, AccountAct::ResetPin { code: kept.clone() }, &code, &kept).await
    }

    pub(super) async fn block_account(
        &self,
        mobile: MobileNumber,
        block: Block,
        reason: &str,
    ) -> Result<AccountChange, ServiceError> {
        self.change_account(mobile, reason, AccountAct::Block(block)).await
    }

    pub(super) async fn unblock_account(
        &self,
        mobile: MobileNumber,
        reason: String,
    ) -> Result<AccountChange, ServiceError> {
        let act = AccountAct::Unblock { reason: reason.clone() };
        let unblocked = self.change_account(mobile, &reason, act).await?;
        if self.rights.mode() == Mode::Change {
            self.services().strangers().forget(mobile);
        }
        Ok(unblocked)
    }

    pub(super) async fn close_account(
        &self,
        mobile: MobileNumber,
        reason: &str,
    ) -> Result<AccountChange, ServiceError> {
        self.change_account(mobile, reason, AccountAct::Close).await
    }

    async fn change_account(
        &self,
        number: MobileNumber,
        reason: &str,
        act: AccountAct,
    ) -> Result<AccountChange, ServiceError> {
        if let Err(bad) = check_reason(reason) {
            return Err(self.refuse(bad).await);
        }
        let masked = !self.rights.sees_numbers();
        match self.change(OperatorAct::Account { number, act: Box::new(act), masked }).await? {
            Answer::Account(change) => {
                Ok(AccountChange { dry_run: self.rights.mode() == Mode::DryRun, ..change })
            }
            other => Err(unexpected(&other)),
        }
    }

    /// A code, and what is kept of it.
    async fn new_code(
        &self,
        mobile: MobileNumber,
        reason: &str,
        ttl_ms: u64,
    ) -> Result<(OneTimeCode, ResetCode), ServiceError> {
        let good = (CODE_TTL_MS_MIN..=CODE_TTL_MS_MAX).contains(&ttl_ms);
        let bad = (!good).then_some(ServiceError::BadRequest(BadRequest::CodeTtl));
        if let Some(bad) = check_reason(reason).err().or(bad) {
            return Err(self.refuse(bad).await);
        }
        let symbols: Zeroizing<[u8; code::SYMBOLS]> = Zeroizing::new(random()?);
        let shown = OneTimeCode::from_random(&symbols);
        let services = self.services();
        let place = services.hasher.place().await.map_err(hash_error)?;
        let hash = place.hash(mobile, shown.clone()).await.map_err(hash_error)?;
        let issued_at = services.clock.now();
        let expires_at = issued_at.plus_ms(i64::try_from(ttl_ms).unwrap_or(i64::MAX));
        Ok((shown, ResetCode { code: hash, issued_at, expires_at }))
    }

    async fn issue(
        &self,
        number: MobileNumber,
        act: AccountAct,
        code: &OneTimeCode,
        kept: &ResetCode,
    ) -> Result<CodeIssued, ServiceError> {
        let masked = !self.rights.sees_numbers();
        let change = match self.change(OperatorAct::Account { number, act: Box::new(act), masked }).await? {
            Answer::Account(change) => change,
            other => return Err(unexpected(&other)),
        };
        let change = AccountChange { dry_run: self.rights.mode() == Mode::DryRun, ..change };
        let good = change.changed && !change.dry_run;
        let code = good.then(|| code.grouped().to_string());
        Ok(CodeIssued { until: change.changed.then_some(kept.expires_at), change, code })
    }
}

fn random<const N: usize>() -> Result<[u8; N], ServiceError> {
    let mut random = [0; N];
    getrandom::fill(&mut random).map_err(|error| internal(&error))?;
    Ok(random)
}
