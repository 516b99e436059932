//! The connection to the bank, for one customer at a time.
//!
//! A request that changes something is noted on the disk before it is sent; the note goes when the
//! answer is final, and stays while it is not. What became of noted requests is asked at log-in.

use crate::console::Console;
use crate::error::Error;
use crate::settings::{Settings, SettingsError};
use crate::state::{Aside, Noted, Record, State, StateError, What};
use crate::words::Words;
use atm_rpc::client::{ConnectError, Customer, CustomerError, Endpoint, Patience};
use atm_rpc::customer::{
    Balance, Credentials, KeyOutcome, PinChange, Receipt, Redemption, ServerInfo, Session, Standing,
    StatementLine,
};
use atm_rpc::error::{Rejection, ServiceError};
use atm_rpc::transport::tls::TlsError;
use atm_rpc::types::key::RequestKey;
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::money::Money;
use atm_rpc::types::terminal::TerminalName;
use std::time::Duration;

/// How long leaving may take: a session that nobody ends, ends by itself.
const LEAVE_MAX: Duration = Duration::from_secs(2);

/// A request that changes something.
pub(crate) enum Order {
    /// To open an account.
    Register(Credentials),
    /// To bring cash.
    Deposit(Money),
    /// To take cash.
    Withdraw(Money),
    /// To choose a new PIN.
    ChangePin(PinChange),
    /// To choose one by a one-time code.
    Redeem(Redemption),
}

impl Order {
    const fn noted(&self) -> (What, Option<i64>) {
        match self {
            Self::Register(_) => (What::Register, None),
            Self::Deposit(amount) => (What::Deposit, Some(amount.minor())),
            Self::Withdraw(amount) => (What::Withdraw, Some(amount.minor())),
            Self::ChangePin(_) | Self::Redeem(_) => (What::ChangePin, None),
        }
    }
}

/// An order that was done. Its note stays until the receipt was shown.
#[derive(Debug)]
pub(crate) struct Done {
    /// What the bank gave.
    pub(crate) receipt: Receipt,
    /// The note, for [`Bank::finish`].
    pub(crate) record: Record,
}

/// What became of a request.
#[derive(Debug)]
pub(crate) struct Settled {
    /// Its key.
    pub(crate) key: RequestKey,
    /// Its note, where this machine has one.
    pub(crate) record: Option<Record>,
    /// The bank's answer.
    pub(crate) outcome: KeyOutcome,
}

/// A connection to one bank.
pub(crate) struct Bank {
    customer: Customer,
    /// The notes; a customer without a place for them may ask, and change nothing.
    state: Option<State>,
    terminal: TerminalName,
    id: String,
    /// The bank's rules.
    pub(crate) info: ServerInfo,
    /// The bank's currency, in words.
    pub(crate) words: Words,
}

impl Bank {
    /// Connects and asks who answers.
    pub(crate) async fn connect(settings: &Settings) -> Result<Self, Error> {
        let endpoint =
            Endpoint::customer(&settings.server, &settings.ca_pem).map_err(|error| match error {
                TlsError::Unusable(_) | TlsError::OtherKey => SettingsError::Value {
                    origin: settings.server.clone(),
                    reason: "the host is neither a name nor an address".into(),
                },
                TlsError::Certificate(reason) | TlsError::Key(reason) => {
                    SettingsError::CaUnusable { path: settings.ca.clone(), reason }
                }
            })?;
        let mut customer = Customer::new(endpoint, Patience::default());
        let info = customer.version().await.map_err(Error::reading)?;
        Ok(Self {
            customer,
            state: settings.state.as_deref().map(State::new),
            terminal: settings.terminal.clone(),
            id: info.bank.iter().map(|byte| format!("{byte:02x}")).collect(),
            words: Words::local(info.currency),
            info,
        })
    }

    /// Whether a number has an account.
    pub(crate) async fn lookup(&mut self, mobile: MobileNumber) -> Result<Standing, Error> {
        match self.customer.lookup(mobile).await {
            Ok(standing) => Ok(standing),
            Err(error) => Err(self.why(Error::reading(error)).await),
        }
    }

    /// Begins a session. What is pending should be settled next, before anything else.
    pub(crate) async fn log_in(&mut self, who: &Credentials) -> Result<Session, Error> {
        match self.customer.login(who, &self.terminal).await {
            Ok(session) => Ok(session),
            Err(error) => Err(self.why(Error::reading(error)).await),
        }
    }

    /// Where the bank lets nobody in, with its reason.
    async fn why(&mut self, error: Error) -> Error {
        let Some(ServiceError::Closed { retry_after_ms }) = error.service() else { return error };
        // Whoever cannot be told why is told at least that.
        let notice = self.customer.notice().await.ok().flatten();
        Error::Closed { reason: notice.map(|notice| notice.reason), retry_after_ms }
    }

    /// Whether there is a session, as far as is known here.
    pub(crate) const fn has_session(&self) -> bool {
        self.customer.has_session()
    }

    /// What the account has.
    pub(crate) async fn balance(&mut self) -> Result<Balance, Error> {
        self.customer.balance().await.map_err(Error::reading)
    }

    /// The newest entries.
    pub(crate) async fn statement(&mut self, count: u16) -> Result<Vec<StatementLine>, Error> {
        self.customer.statement(count).await.map_err(Error::reading)
    }

    /// The requests of this number without a final answer, oldest first.
    pub(crate) fn pending(&self, mobile: MobileNumber) -> Result<(Vec<Record>, Vec<Aside>), Error> {
        match &self.state {
            Some(state) => Ok(state.pending(&self.id, mobile)?),
            None => Ok((vec![], vec![])),
        }
    }

    /// The last request of this number that has its final answer.
    pub(crate) fn last(&self, mobile: MobileNumber) -> Result<(Option<Record>, Option<Aside>), Error> {
        match &self.state {
            Some(state) => Ok(state.last(&self.id, mobile)?),
            None => Ok((None, None)),
        }
    }

    /// What became of a request of the customer who is logged in.
    pub(crate) async fn outcome(&mut self, key: RequestKey) -> Result<KeyOutcome, Error> {
        match self.customer.outcome(key).await {
            Ok(outcome) => Ok(outcome),
            // Any other 'no' is about the customer, and tells nothing of the request.
            Err(CustomerError::Service(ServiceError::Rejected(no @ Rejection::KeyConflict))) => {
                Ok(KeyOutcome::Rejected(no))
            }
            Err(error) => Err(Error::reading(error)),
        }
    }

    /// Notes an order and sends it. The caller shows the receipt, then calls [`finish`](Self::finish).
    pub(crate) async fn perform(
        &mut self,
        console: &mut Console,
        mobile: MobileNumber,
        key: RequestKey,
        order: &Order,
    ) -> Result<Done, Error> {
        let record = Record::new(&self.id, mobile, key, order.noted(), console.now());
        let state = self.state.clone().ok_or(SettingsError::NoState)?;
        let noted = state.keep(&record)?;
        let sent = async {
            match order {
                Order::Register(who) => self.customer.register(key, who).await,
                Order::Deposit(amount) => self.customer.deposit(key, *amount).await,
                Order::Withdraw(amount) => self.customer.withdraw(key, *amount).await,
                Order::ChangePin(change) => self.customer.change_pin(key, change).await,
                Order::Redeem(redemption) => self.customer.redeem(key, redemption, &self.terminal).await,
            }
        };
        let answer = match console.wait_through(sent).await {
            Ok(answer) => answer,
            Err(Error::Interrupted(_)) => return Err(Error::Interrupted(Some(record))),
            Err(other) => return Err(other),
        };
        match answer {
            Ok(receipt) => Ok(Done { receipt, record }),
            Err(error) => {
                // A note that stays by mistake is settled at the next log-in.
                match (final_answer(&error), noted) {
                    (Final::Decided, _) => drop(state.finish(&record)),
                    // An earlier try of this change may have been done, with another PIN: to be settled.
                    (Final::OfAnother, Noted::Before) if record.what == What::ChangePin => {}
                    (Final::OfAnother, _) | (Final::NothingSent, Noted::Now) => {
                        drop(state.forget(&record));
                    }
                    // This try did nothing; the one before it may have.
                    (Final::NothingSent, Noted::Before) => return Err(Error::Unknown(record)),
                    (Final::No, _) => {}
                }
                Err(self.why(Error::changing(error, &record)).await)
            }
        }
    }

    /// Chooses a PIN by a one-time code. To the bank a wrong one is a wrong PIN.
    pub(crate) async fn redeem(
        &mut self,
        console: &mut Console,
        key: RequestKey,
        redemption: Redemption,
    ) -> Result<Done, Error> {
        let mobile = redemption.mobile;
        let done = self.perform(console, mobile, key, &Order::Redeem(redemption)).await;
        done.map_err(|error| match error.service() {
            Some(ServiceError::Rejected(Rejection::WrongPin { attempts_left })) => {
                Error::WrongCode { attempts_left }
            }
            _ => error,
        })
    }

    /// Registers under the key of an earlier try that has no answer yet, so that it acts once.
    pub(crate) async fn register(
        &mut self,
        console: &mut Console,
        key: Option<RequestKey>,
        who: &Credentials,
    ) -> Result<Done, Error> {
        let order = Order::Register(who.clone());
        let earlier = self.pending_registration(who.mobile)?.map(|record| record.request_key);
        let (Some(earlier), None) = (earlier, key) else {
            let key = key.unwrap_or_else(RequestKey::generate);
            return self.perform(console, who.mobile, key, &order).await;
        };
        match self.perform(console, who.mobile, earlier, &order).await {
            // The earlier try arrived, or was refused, with another PIN: this one stands for itself.
            Err(error) if is_of_another_try(&error) => {
                self.perform(console, who.mobile, RequestKey::generate(), &order).await
            }
            answer => answer,
        }
    }

    /// A registration of this number that has no answer yet.
    pub(crate) fn pending_registration(&self, mobile: MobileNumber) -> Result<Option<Record>, Error> {
        let (records, _) = self.pending(mobile)?;
        Ok(records.into_iter().rfind(|record| record.what == What::Register))
    }

    /// The outcome of a request was shown: it is not pending any more. Gives a warning where that
    /// cannot be noted.
    pub(crate) fn finish(&self, record: &Record) -> Option<String> {
        warning(self.state.as_ref()?.finish(record))
    }

    /// As [`finish`](Self::finish), of a request that was asked about.
    pub(crate) fn conclude(&self, settled: &Settled) -> Option<String> {
        let (state, record) = (self.state.as_ref()?, settled.record.as_ref()?);
        warning(match settled.outcome {
            // The key is that of another request: there is nothing to remember of this one.
            KeyOutcome::Rejected(Rejection::KeyConflict) => state.forget(record),
            _ => state.finish(record),
        })
    }

    /// Ends the session, if there is one, within two seconds.
    pub(crate) async fn leave(&mut self) {
        if self.has_session() {
            // In time or not, and whatever the bank says: the customer leaves.
            let _ = tokio::time::timeout(LEAVE_MAX, self.customer.exit()).await;
        }
    }
}

fn warning(noted: Result<(), StateError>) -> Option<String> {
    let error = noted.err()?;
    Some(format!("This could not be noted, and will be told again at the next log-in: {error}."))
}

fn is_of_another_try(error: &Error) -> bool {
    let no = |no| Some(ServiceError::Rejected(no));
    [no(Rejection::KeyConflict), no(Rejection::KeyClosed)].contains(&error.service())
}

/// Whether a failed request needs its note any more.
enum Final {
    /// The bank decided it.
    Decided,
    /// The key is that of another request.
    OfAnother,
    /// Nothing was applied.
    NothingSent,
    /// It may have been applied, or it is not sure that it was not.
    No,
}

const fn final_answer(error: &CustomerError) -> Final {
    match error {
        CustomerError::Service(ServiceError::Rejected(Rejection::KeyConflict)) => Final::OfAnother,
        CustomerError::Service(ServiceError::Rejected(_)) => Final::Decided,
        CustomerError::Service(
            ServiceError::Unauthenticated(_)
            | ServiceError::Busy { .. }
            | ServiceError::Closed { .. }
            | ServiceError::Unavailable,
        )
        | CustomerError::NotResumed(_)
        | CustomerError::Connect(ConnectError::NotReachable { .. }) => Final::NothingSent,
        CustomerError::Service(
            ServiceError::Forbidden(_)
            | ServiceError::ReadOnly
            | ServiceError::NotFound
            | ServiceError::BadRequest(_)
            | ServiceError::Conflict(_)
            | ServiceError::OutcomeUnknown
            | ServiceError::Internal(_),
        )
        | CustomerError::Connect(ConnectError::NotTrusted { .. })
        | CustomerError::LoginInterrupted
        | CustomerError::OutcomeUnknown => Final::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atm_rpc::error::SessionEnd;
    use atm_rpc::types::key::IncidentId;
    use std::io;

    #[test]
    fn a_note_stays_while_the_answer_is_not_final() {
        let connect = |trusted: bool| {
            let (address, source) = (String::new(), io::Error::from(io::ErrorKind::TimedOut));
            CustomerError::Connect(if trusted {
                ConnectError::NotReachable { address, source }
            } else {
                ConnectError::NotTrusted { address, source }
            })
        };
        let table = [
            (CustomerError::Service(ServiceError::Rejected(Rejection::ZeroAmount)), "decided"),
            (CustomerError::Service(ServiceError::Rejected(Rejection::KeyConflict)), "of another"),
            (CustomerError::Service(ServiceError::Unauthenticated(SessionEnd::Idle)), "nothing sent"),
            (CustomerError::NotResumed(Rejection::Blacklisted { until: None }), "nothing sent"),
            (CustomerError::Service(ServiceError::Busy { retry_after_ms: 1 }), "nothing sent"),
            (CustomerError::Service(ServiceError::Unavailable), "nothing sent"),
            (CustomerError::Service(ServiceError::Closed { retry_after_ms: 1 }), "nothing sent"),
            (connect(true), "nothing sent"),
            (connect(false), "no"),
            (CustomerError::Service(ServiceError::Internal(IncidentId::generate())), "no"),
            (CustomerError::Service(ServiceError::OutcomeUnknown), "no"),
            (CustomerError::OutcomeUnknown, "no"),
        ];
        for (error, expected) in table {
            let found = match final_answer(&error) {
                Final::Decided => "decided",
                Final::OfAnother => "of another",
                Final::NothingSent => "nothing sent",
                Final::No => "no",
            };
            assert_eq!(found, expected, "{error}");
        }
    }
}
