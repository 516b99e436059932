//! The commands of `atmctl account`: customers' accounts, and entries of the journal told in words.
//!
//! - Here: what can be asked. `rows`: what is printed. `told`: an entry as sentences.
//!
//! What an account may do, and who may say so, is atmd's business.

mod rows;
mod told;

use atm_plugin_sdk::{Column, Command, Host};
use atm_rpc::operator::account::{AccountFilter, Block, CODE_TTL_MS, CodeIssued};
use atm_rpc::operator::{Capability, PAGE_ROWS_MAX};
use atm_rpc::plugin::{Code, Failure, Kind, parse_duration};
use atm_rpc::types::account::AccountState;
use atm_rpc::types::key::Seq;
use atm_rpc::types::mobile::MobileNumber;
use clap::ValueEnum;
use rows::{account_row, change_row, code_row, detail_row, explained_row};
use std::time::Duration;

/// Customers' accounts.
#[derive(Debug, clap::Parser)]
#[command(name = "account", version)]
pub enum Accounts {
    /// Every customer's account, in the order of the numbers.
    List {
        /// Only those of this state.
        #[arg(long)]
        state: Option<State>,
        /// Only those whose number is on the blacklist.
        #[arg(long)]
        blacklisted: bool,
    },
    /// One account: balance, state, sessions, wrong PINs, blacklist.
    Show {
        /// The mobile number.
        number: MobileNumber,
    },
    /// Open an account, whose customer chooses a PIN by the one-time code that is shown, once.
    Open {
        /// The mobile number.
        number: MobileNumber,
        /// Why, for the audit log.
        #[arg(long)]
        reason: String,
        /// How long the code is good; otherwise for a day.
        #[arg(long = "for", value_parser = parse_duration)]
        lasting: Option<Duration>,
    },
    /// Let no money out of an account, or into it; what is blocked already stays so.
    Block {
        /// The mobile number.
        number: MobileNumber,
        /// Let no money out.
        #[arg(long)]
        debit: bool,
        /// Let no money in.
        #[arg(long)]
        credit: bool,
        /// Why, for the audit log.
        #[arg(long)]
        reason: String,
    },
    /// Clear every bar between a customer and the account, and say which there were.
    Unblock {
        /// The mobile number.
        number: MobileNumber,
        /// Why, for the audit log and the history of the blacklist.
        #[arg(long)]
        reason: String,
    },
    /// Give a one-time code, shown once, by which the customer chooses a new PIN.
    ResetPin {
        /// The mobile number.
        number: MobileNumber,
        /// Why, for the audit log.
        #[arg(long)]
        reason: String,
        /// How long the code is good; otherwise for a day.
        #[arg(long = "for", value_parser = parse_duration)]
        lasting: Option<Duration>,
    },
    /// Close an account with a balance of zero, for good.
    Close {
        /// The mobile number.
        number: MobileNumber,
        /// Why, for the audit log.
        #[arg(long)]
        reason: String,
    },
    /// Tell one entry of the journal in words, with all that belongs to it.
    Explain {
        /// Its place in the journal.
        seq: i64,
    },
}

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum State {
    /// Everything.
    Active,
    /// No money goes out.
    DebitBlocked,
    /// No money comes in.
    CreditBlocked,
    /// No money goes out or comes in.
    Blocked,
    /// Nothing any more.
    Closed,
}

impl From<State> for AccountState {
    fn from(state: State) -> Self {
        match state {
            State::Active => Self::Active,
            State::DebitBlocked => Self::DebitBlocked,
            State::CreditBlocked => Self::CreditBlocked,
            State::Blocked => Self::Blocked,
            State::Closed => Self::Closed,
        }
    }
}

/// What clap does not know about the commands.
pub const COMMANDS: &[Command] = &[
    Command::rows("list", "atmctl.account.list/1", ACCOUNT).needs(READ).examples(&[
        "",
        "--blacklisted",
        "--state debit-blocked",
    ]),
    Command::rows("show", "atmctl.account.show/1", DETAIL)
        .needs(READ)
        .values(NUMBERS)
        .examples(&["0712345678"]),
    Command::rows("open", "atmctl.account.open/1", CODE)
        .needs(WRITE)
        .changes()
        .examples(&["0712345678 --reason branch", "0712345678 --reason branch --for 7d"]),
    Command::rows("block", "atmctl.account.block/1", CHANGE)
        .needs(WRITE)
        .changes()
        .values(NUMBERS)
        .examples(&["0712345678 --debit --reason court", "0712345678 --debit --credit --reason court"]),
    Command::rows("unblock", "atmctl.account.unblock/1", CHANGE)
        .needs(WRITE)
        .changes()
        .values(NUMBERS)
        .examples(&["0712345678 --reason mistake"]),
    Command::rows("reset-pin", "atmctl.account.reset-pin/1", CODE)
        .needs(WRITE)
        .changes()
        .values(NUMBERS)
        .examples(&["0712345678 --reason forgotten", "0712345678 --reason forgotten --for 2h"]),
    Command::rows("close", "atmctl.account.close/1", CHANGE)
        .needs(WRITE)
        .destroys()
        .values(NUMBERS)
        .examples(&["0712345678 --reason asked"]),
    Command::rows("explain", "atmctl.account.explain/1", EXPLAINED)
        .needs(&[Capability::LedgerRead, Capability::AccountsPii])
        .examples(&["17"]),
];

const READ: &[Capability] = &[Capability::AccountsRead, Capability::AccountsPii];
const WRITE: &[Capability] = &[Capability::AccountsWrite, Capability::AccountsPii];
const NUMBERS: &[(&str, &str, &str)] = &[("number", "AccountList", "number")];

const ACCOUNT: &[Column] = &[
    Column::new("number", Kind::Mobile),
    Column::new("state", Kind::Choice),
    Column::summed("balance", Kind::Money),
    Column::new("blacklisted", Kind::Boolean),
    Column::new("opened_at", Kind::Date),
    Column::new("last_entry", Kind::Number),
];
const DETAIL: &[Column] = &[
    Column::new("number", Kind::Mobile),
    Column::new("state", Kind::Choice),
    Column::new("balance", Kind::Money),
    Column::new("available", Kind::Money),
    Column::new("opened_at", Kind::Date),
    Column::new("last_entry", Kind::Number),
    Column::new("failures", Kind::Number),
    Column::new("sessions", Kind::Number),
    Column::new("terminals", Kind::Text),
    Column::new("seen_at", Kind::Date),
    Column::new("blacklisted", Kind::Boolean),
    Column::new("blacklist_reason", Kind::Text),
    Column::new("blacklist_actor", Kind::Text),
    Column::new("blacklist_until", Kind::Date),
    Column::new("code_until", Kind::Date),
];
const CHANGE: &[Column] = &[
    Column::new("number", Kind::Mobile),
    Column::new("changed", Kind::Boolean),
    Column::new("state", Kind::Choice),
    Column::new("bars", Kind::Text),
    Column::new("sessions_ended", Kind::Number),
    Column::new("dry_run", Kind::Boolean),
];
const CODE: &[Column] = &[
    Column::new("number", Kind::Mobile),
    Column::new("changed", Kind::Boolean),
    Column::new("state", Kind::Choice),
    Column::new("code", Kind::Text),
    Column::new("until", Kind::Date),
    Column::new("dry_run", Kind::Boolean),
];
const EXPLAINED: &[Column] = &[
    Column::new("seq", Kind::Number),
    Column::new("told", Kind::Text),
    Column::new("recorded_at", Kind::Date),
    Column::new("business_date", Kind::Text),
    Column::new("action", Kind::Choice),
    Column::new("number", Kind::Mobile),
    Column::new("amount", Kind::Money),
    Column::new("debit", Kind::Text),
    Column::new("credit", Kind::Text),
    Column::new("balance_before", Kind::Money),
    Column::new("balance_after", Kind::Money),
    Column::new("vault_before", Kind::Money),
    Column::new("vault_after", Kind::Money),
    Column::new("session", Kind::Number),
    Column::new("session_started_at", Kind::Date),
    Column::new("elapsed_ms", Kind::Duration),
    Column::new("terminal", Kind::Text),
    Column::new("request_key", Kind::Text),
    Column::new("reverses", Kind::Number),
    Column::new("previous", Kind::Number),
    Column::new("seal", Kind::Number),
    Column::new("sealed_at", Kind::Date),
];

/// Runs a command.
///
/// # Errors
/// What atmd says.
pub async fn work(command: Accounts, host: &mut Host) -> Result<(), Failure> {
    match command {
        Accounts::List { state, blacklisted } => {
            let blacklisted = blacklisted.then_some(true);
            list(host, AccountFilter { state: state.map(Into::into), blacklisted }).await
        }
        Accounts::Show { number } => {
            let shown = host.call(async |atmd, context| atmd.account_show(context, number).await).await;
            detail_row(host, &shown.map_err(absent)?)
        }
        Accounts::Open { number, reason, lasting } => {
            let ttl_ms = ttl_ms(lasting);
            let call =
                host.call(async |atmd, context| atmd.account_open(context, number, reason, ttl_ms).await);
            let issued = call.await?;
            tell_code(host, &issued);
            code_row(host, &issued)
        }
        Accounts::Block { number, debit, credit, reason } => {
            let block = match (debit, credit) {
                (true, true) => Block::Both,
                (true, false) => Block::Debit,
                (false, true) => Block::Credit,
                (false, false) => {
                    let failure = Failure::new(Code::Usage, "say what is blocked");
                    return Err(
                        failure.hint("--debit lets no money out, --credit none in; both may be given")
                    );
                }
            };
            let call =
                host.call(async |atmd, context| atmd.account_block(context, number, block, reason).await);
            let change = call.await.map_err(absent)?;
            change_row(host, &change)
        }
        Accounts::Unblock { number, reason } => {
            let call = host.call(async |atmd, context| atmd.account_unblock(context, number, reason).await);
            let change = call.await.map_err(|failure| match failure.code {
                Code::NotFound => {
                    Failure::new(Code::NotFound, "this number has no account and is not on the blacklist")
                }
                _ => failure,
            })?;
            change_row(host, &change)
        }
        Accounts::ResetPin { number, reason, lasting } => {
            let ttl_ms = ttl_ms(lasting);
            let call = host
                .call(async |atmd, context| atmd.account_reset_pin(context, number, reason, ttl_ms).await);
            let issued = call.await.map_err(absent)?;
            tell_code(host, &issued);
            code_row(host, &issued)
        }
        Accounts::Close { number, reason } => {
            let call = host.call(async |atmd, context| atmd.account_close(context, number, reason).await);
            let change = call.await.map_err(absent)?;
            change_row(host, &change)
        }
        Accounts::Explain { seq } => {
            let whoami = host.call(async |atmd, context| atmd.whoami(context).await).await?;
            let call = host.call(async |atmd, context| atmd.journal_explain(context, Seq(seq)).await);
            let explained = call.await.map_err(|failure| match failure.code {
                Code::NotFound => Failure::new(Code::NotFound, format!("the journal has no entry {seq}")),
                _ => failure,
            })?;
            explained_row(host, &explained, whoami.currency)
        }
    }
}

async fn list(host: &mut Host, filter: AccountFilter) -> Result<(), Failure> {
    let mut after = None;
    loop {
        let from = after.clone();
        let page = host
            .call(async |atmd, context| atmd.account_list(context, Some(filter), from, PAGE_ROWS_MAX).await);
        let page = page.await?;
        page.rows.iter().try_for_each(|row| account_row(host, row))?;
        if page.next.is_none() || page.next == after {
            return Ok(());
        }
        after = page.next;
        host.flush()?;
    }
}

/// What the operator tells the customer.
fn tell_code(host: &Host, issued: &CodeIssued) {
    let number = &issued.change.number;
    if issued.code.is_some() {
        host.note(
            "the code is shown once. The customer types code at the PIN prompt of atm-cli, or runs atm-cli redeem",
        );
    }
    if !issued.change.bars.is_empty() {
        host.note(&format!("{number} is on the blacklist: unblock it, or the code is of no use"));
    }
}

fn ttl_ms(lasting: Option<Duration>) -> u64 {
    lasting.map_or(CODE_TTL_MS, |lasting| u64::try_from(lasting.as_millis()).unwrap_or(u64::MAX))
}

fn absent(failure: Failure) -> Failure {
    match failure.code {
        Code::NotFound => Failure::new(Code::NotFound, "this number has no account"),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_and_the_parser_agree() {
        let description = atm_plugin_sdk::describe::<Accounts>(COMMANDS).unwrap();
        let named = |wanted: fn(&atm_rpc::plugin::Command) -> bool| -> Vec<&str> {
            description.commands.iter().filter(|c| wanted(c)).map(|c| c.name.as_str()).collect()
        };
        assert_eq!(named(|c| c.changes), ["open", "block", "unblock", "reset-pin", "close"]);
        assert_eq!(named(|c| c.destructive), ["close"]);
        let states = &description.commands[0].arguments[0].choices;
        assert_eq!(*states, AccountState::ALL.iter().map(|state| state.name()).collect::<Vec<_>>());
    }

    #[test]
    fn a_code_is_good_for_a_day_unless_said() {
        assert_eq!(ttl_ms(None), 86_400_000);
        assert_eq!(ttl_ms(Some(Duration::from_secs(60))), 60_000);
        assert_eq!(ttl_ms(Some(Duration::MAX)), u64::MAX);
    }
}
