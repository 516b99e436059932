//! A customer's connection that goes on: when it breaks, or atmd is started again, it connects,
//! resumes the session and repeats the request with the same key.

use super::endpoint::{ConnectError, Endpoint};
use crate::customer::{
    Balance, Credentials, CustomerClient, KeyOutcome, Notice, PinChange, Receipt, Redemption, ServerInfo,
    Session, Standing, StatementLine,
};
use crate::error::{Rejection, ServiceError, SessionEnd};
use crate::transport::{CUSTOMER, codec, monotonic};
use crate::types::key::{RequestKey, ResumeToken};
use crate::types::mobile::MobileNumber;
use crate::types::money::Money;
use crate::types::terminal::TerminalName;
use std::time::Duration;
use tarpc::client::{NewClient, RpcError};
use tarpc::context::{self, Context};
use thiserror::Error;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::sleep;

/// How long a client tries.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// One try.
    pub call: Duration,
    /// All tries of one request together.
    pub total: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { call: Duration::from_secs(10), total: Duration::from_secs(20) }
    }
}

const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Why a customer's request has no result.
#[derive(Debug, Error)]
pub enum CustomerError {
    /// There is no connection, and the request was never sent.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The service answered with an error.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The session could not be resumed over a new connection: the bank says no. The request was not sent.
    #[error("the session could not be resumed: {0:?}")]
    NotResumed(Rejection),
    /// The connection broke while a log-in was under way; whether it counted is not known.
    #[error("the connection broke during the log-in")]
    LoginInterrupted,
    /// The request was sent and no answer came: it may have been applied. The key tells.
    #[error("no answer came in time; whether the request was applied is not known")]
    OutcomeUnknown,
}

/// A customer's client. Calls one at a time.
#[derive(Debug)]
pub struct Customer {
    endpoint: Endpoint,
    patience: Patience,
    link: Option<Link>,
    token: Option<ResumeToken>,
    /// Whether the server was ever reached: one that never answered is not waited for.
    reached: bool,
}

/// An open connection, and the task that serves it, which ends when the connection does.
#[derive(Debug)]
struct Link {
    client: CustomerClient,
    served: JoinHandle<()>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.served.abort();
    }
}

type Answer<T> = Result<Result<T, ServiceError>, RpcError>;

impl Customer {
    /// A client of that server. It connects with the first call.
    #[must_use]
    pub const fn new(endpoint: Endpoint, patience: Patience) -> Self {
        Self { endpoint, patience, link: None, token: None, reached: false }
    }

    /// Where the server is.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether a log-in succeeded and the session did not end since, as far as is known here.
    #[must_use]
    pub const fn has_session(&self) -> bool {
        self.token.is_some()
    }

    /// See [`crate::customer::Customer::version`].
    ///
    /// # Errors
    /// As all calls: [`CustomerError`].
    pub async fn version(&mut self) -> Result<ServerInfo, CustomerError> {
        self.repeat(|link, context| async move { Ok(Ok(link.version(context).await?)) }).await
    }

    /// See [`crate::customer::Customer::lookup`].
    ///
    /// # Errors
    /// As all calls: [`CustomerError`].
    pub async fn lookup(&mut self, mobile: MobileNumber) -> Result<Standing, CustomerError> {
        self.repeat(|link, context| async move { link.lookup(context, mobile).await }).await
    }

    /// See [`crate::customer::Customer::register`].
    ///
    /// # Errors
    /// As all calls: [`CustomerError`].
    pub async fn register(&mut self, key: RequestKey, who: &Credentials) -> Result<Receipt, CustomerError> {
        self.repeat(|link, context| {
            let who = who.clone();
            async move { link.register(context, key, who).await }
        })
        .await
    }

    /// See [`crate::customer::Customer::login`]. Not repeated once it was sent, because each try counts.
    ///
    /// # Errors
    /// [`CustomerError::LoginInterrupted`] where the connection broke, otherwise as all calls.
    pub async fn login(
        &mut self,
        who: &Credentials,
        terminal: &TerminalName,
    ) -> Result<Session, CustomerError> {
        self.token = None;
        // A connection that stood idle may be dead without anybody's knowing: see that one answers.
        self.version().await?;
        let context = self.context();
        let link = self.link().await?;
        match link.login(context, who.clone(), terminal.clone()).await {
            Ok(session) => {
                let session = session?;
                self.token = Some(session.token.clone());
                Ok(session)
            }
            Err(_) => {
                self.link = None;
                Err(CustomerError::LoginInterrupted)
            }
        }
    }

    /// See [`crate::customer::Customer::balance`].
    ///
    /// # Errors
    /// As all calls: [`CustomerError`].
    pub async fn balance(&mut self) -> Result<Balance, CustomerError> {
        self.repeat(|link, context| async move { link.balance(context).await }).await
    }

    /// See [`crate::customer::Customer::withdraw`].
    ///
    /// # Errors
    /// [`CustomerError::OutcomeUnknown`] where it was sent and no answer came, otherwise as all calls.
    pub async fn withdraw(&mut self, key: RequestKey, amount: Money) -> Result<Receipt, CustomerError> {
        self.repeat(|link, context| async move { link.withdraw(context, key, amount).await }).await
    }

    /// See [`crate::customer::Customer::deposit`].
    ///
    /// # Errors
    /// [`CustomerError::OutcomeUnknown`] where it was sent and no answer came, otherwise as all calls.
    pub async fn deposit(&mut self, key: RequestKey, amount: Money) -> Result<Receipt, CustomerError> {
        self.repeat(|link, context| async move { link.deposit(context, key, amount).await }).await
    }

    /// See [`crate::customer::Customer::statement`].
    ///
    /// # Errors
    /// As all calls: [`CustomerError`].
    pub async fn statement(&mut self, count: u16) -> Result<Vec<StatementLine>, CustomerError> {
        self.repeat(|link, context| async move { link.statement(context, count).await }).await
    }

    /// See [`crate::customer::Customer::outcome`].
    ///
    /// # Errors
    /// As all calls: [`CustomerError`].
    pub async fn outcome(&mut self, key: RequestKey) -> Result<KeyOutcome, CustomerError> {
        self.repeat(|link, context| async move { link.outcome(context, key).await }).await
    }

    /// See [`crate::customer::Customer::change_pin`].
    ///
    /// # Errors
    /// [`CustomerError::OutcomeUnknown`] where it was sent and no answer came, otherwise as all calls.
    pub async fn change_pin(
        &mut self,
        key: RequestKey,
        change: &PinChange,
    ) -> Result<Receipt, CustomerError> {
        self.repeat(|link, context| {
            let change = change.clone();
            async move { link.change_pin(context, key, change).await }
        })
        .await
    }

    /// See [`crate::customer::Customer::redeem`].
    ///
    /// # Errors
    /// [`CustomerError::OutcomeUnknown`] where it was sent and no answer came, otherwise as all calls.
    pub async fn redeem(
        &mut self,
        key: RequestKey,
        redemption: &Redemption,
        terminal: &TerminalName,
    ) -> Result<Receipt, CustomerError> {
        self.repeat(|link, context| {
            let (redemption, terminal) = (redemption.clone(), terminal.clone());
            async move { link.redeem(context, key, redemption, terminal).await }
        })
        .await
    }

    /// See [`crate::customer::Customer::notice`].
    ///
    /// # Errors
    /// As all calls: [`CustomerError`].
    pub async fn notice(&mut self) -> Result<Option<Notice>, CustomerError> {
        self.repeat(|link, context| async move { link.notice(context).await }).await
    }

    /// Ends the session. One try: a session that nobody ends ends by itself.
    ///
    /// # Errors
    /// Where the service says that there is no session to end, or cannot be reached.
    pub async fn exit(&mut self) -> Result<(), CustomerError> {
        let link =
            if self.link.is_some() || self.token.is_some() { self.link().await? } else { return Ok(()) };
        self.token = None;
        match link.exit(self.context()).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Ok(()),
        }
    }

    fn context(&self) -> Context {
        let mut context = context::current();
        context.deadline = monotonic() + self.patience.call;
        context
    }

    /// A connection with the session resumed on it, if there is one.
    async fn link(&mut self) -> Result<CustomerClient, CustomerError> {
        // What the server said meanwhile is seen first: on a connection that it closed nothing is sent.
        yield_now().await;
        if let Some(link) = self.link.as_ref().filter(|link| !link.served.is_finished()) {
            return Ok(link.client.clone());
        }
        self.link = None;
        let transport = codec::client(self.endpoint.open().await?, CUSTOMER);
        let NewClient { client, dispatch } = CustomerClient::new(tarpc::client::Config::default(), transport);
        let served = tokio::spawn(async {
            // How it ended is told by the calls that it cut off.
            let _ = dispatch.await;
        });
        let link = Link { client: client.clone(), served };
        if let Some(token) = self.token.clone() {
            match client.resume(self.context(), token).await {
                Ok(Ok(_)) => {}
                Ok(Err(ServiceError::Rejected(rejection))) => {
                    return Err(CustomerError::NotResumed(rejection));
                }
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => return Err(CustomerError::OutcomeUnknown),
            }
        }
        self.reached = true;
        self.link = Some(link);
        Ok(client)
    }

    /// Makes a call until it is answered for good, or patience ends. The call must be repeatable:
    /// reading, or carrying a key.
    async fn repeat<T, F>(&mut self, call: impl Fn(CustomerClient, Context) -> F) -> Result<T, CustomerError>
    where
        F: Future<Output = Answer<T>>,
    {
        let begun = monotonic();
        let mut pause = PAUSE_FIRST;
        let mut sent = false;
        loop {
            let failure = match self.link().await {
                Ok(link) => match call(link, self.context()).await {
                    Ok(Ok(result)) => return Ok(result),
                    Ok(Err(error)) => {
                        sent |= error == ServiceError::OutcomeUnknown;
                        CustomerError::Service(error)
                    }
                    Err(_) => {
                        self.link = None;
                        sent = true;
                        CustomerError::OutcomeUnknown
                    }
                },
                // A session that cannot be resumed says nothing of what was sent before.
                Err(CustomerError::NotResumed(_)) if sent => {
                    return Err(CustomerError::OutcomeUnknown);
                }
                Err(failure) => failure,
            };
            let wait = match &failure {
                CustomerError::Service(ServiceError::Unavailable | ServiceError::OutcomeUnknown)
                | CustomerError::OutcomeUnknown => pause,
                CustomerError::Connect(ConnectError::NotReachable { .. }) if self.reached => pause,
                CustomerError::Service(ServiceError::Busy { retry_after_ms }) => {
                    pause.max(Duration::from_millis(u64::from(*retry_after_ms)))
                }
                CustomerError::Service(ServiceError::Unauthenticated(end)) => {
                    if *end != SessionEnd::NotLoggedIn {
                        self.token = None;
                    }
                    // A repeat that finds its session gone cannot tell what became of the first try.
                    return Err(if sent { CustomerError::OutcomeUnknown } else { failure });
                }
                // The try that failed was not applied; one before it may have been.
                CustomerError::Connect(_)
                | CustomerError::Service(ServiceError::Internal(_) | ServiceError::Closed { .. })
                    if sent =>
                {
                    return Err(CustomerError::OutcomeUnknown);
                }
                _ => return Err(failure),
            };
            if begun.elapsed() + wait > self.patience.total {
                return Err(if sent { CustomerError::OutcomeUnknown } else { failure });
            }
            sleep(wait).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}
