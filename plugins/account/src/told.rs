//! An entry of the journal as sentences, for somebody who has to explain it to a customer.

use atm_rpc::operator::account::{BeforeAfter, Explained, Moved};
use atm_rpc::types::action::Action;
use atm_rpc::types::money::{Currency, Money};

/// What happened, and what proves it.
pub(crate) fn told(explained: &Explained, currency: Currency) -> String {
    let money = |minor| format!("{} {currency}", Money::from_minor(minor).display(currency));
    let whose = explained.number.as_deref().unwrap_or("the bank");
    let mut sentences = vec![format!("{whose}: {}", happened(explained.action))];
    sentences.extend(explained.moved.as_ref().map(|moved| went(moved, &money(moved.amount.minor()))));
    let balance = |name: &str, balance: BeforeAfter| {
        let BeforeAfter { before_minor, after_minor } = balance;
        match before_minor == after_minor {
            true => format!("{name} had {} before and after", money(after_minor)),
            false => format!("{name} had {} before and {} after", money(before_minor), money(after_minor)),
        }
    };
    sentences.extend(explained.customer.map(|customer| balance("the customer", customer)));
    sentences.push(balance("the vault", explained.vault));
    if let Some(session) = explained.session {
        let at = explained.terminal.as_ref().map(|terminal| format!(" at {terminal}")).unwrap_or_default();
        let seconds = session.elapsed_ms.max(0) / 1_000;
        sentences.push(format!("asked for in session {}{at}, {seconds} s after its log-in", session.id));
    }
    if let Some(key) = explained.request_key {
        sentences.push(format!("request {key}: a repeat gets this receipt again and books nothing"));
    }
    sentences.extend(explained.reverses.map(|seq| format!("undoes entry {seq}")));
    let seal = explained.seal;
    sentences.push(format!("seal {} covers it, with entries {} to {}", seal.id, seal.first, seal.last));
    sentences.join("; ") + "."
}

/// From where to where. The vault is debited by cash that comes in, every other account by money that goes out.
fn went(moved: &Moved, amount: &str) -> String {
    match (moved.debit.as_str(), moved.credit.as_str()) {
        (VAULT, EQUITY) => format!("{amount} came from equity into the vault"),
        (VAULT, credit) => format!("{amount} of cash came into the vault, and to the account {credit}"),
        (debit, VAULT) => format!("{amount} of cash went out of the vault, and from the account {debit}"),
        (debit, credit) => format!("{amount} went from {debit} to {credit}"),
    }
}

const VAULT: &str = "vault";
const EQUITY: &str = "equity";

const fn happened(action: Action) -> &'static str {
    match action {
        Action::Opening => "opening amount",
        Action::Registered => "became a customer",
        Action::Login => "logged in",
        Action::Exit => "left",
        Action::AuthFailed => "a wrong PIN or one-time code was shown",
        Action::Blacklisted => "put on the blacklist",
        Action::Unblacklisted => "taken off the blacklist",
        Action::Withdraw => "took cash",
        Action::Deposit => "brought cash",
        Action::TransferOut => "sent money to another customer",
        Action::TransferIn => "got money from another customer",
        Action::WithdrawReversed => "a withdrawal was undone",
        Action::DepositReversed => "a deposit was undone",
        Action::PinChanged => "chose a new PIN",
        Action::Correction => "an operator's correction",
        Action::DebitBlocked => "the bank lets no money out any more",
        Action::CreditBlocked => "the bank lets no money in any more",
        Action::Unblocked => "the bank lets money out and in again",
        Action::Closed => "the account was closed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atm_rpc::operator::account::{ExplainedSeal, ExplainedSession};
    use atm_rpc::types::key::{Seq, SessionId};
    use atm_rpc::types::terminal::TerminalName;
    use atm_rpc::types::time::Timestamp;

    fn entry(action: Action, debit: &str, credit: &str) -> Explained {
        let moved = Moved { amount: Money::from_minor(40_000), debit: debit.into(), credit: credit.into() };
        Explained {
            seq: Seq(17),
            recorded_at: Timestamp::from_ms(0),
            business_date: "2026-11-22".into(),
            action,
            number: Some("******4567".into()),
            moved: Some(moved),
            customer: Some(BeforeAfter { before_minor: 50_000, after_minor: 10_000 }),
            vault: BeforeAfter { before_minor: 140_000, after_minor: 100_000 },
            session: None,
            terminal: None,
            request_key: None,
            reverses: None,
            previous: None,
            seal: ExplainedSeal { id: 5, sealed_at: Timestamp::from_ms(0), first: Seq(16), last: Seq(18) },
        }
    }

    #[test]
    fn an_entry_is_told_whole() {
        let mut explained = entry(Action::Withdraw, "******4567", "vault");
        explained.session = Some(ExplainedSession {
            id: SessionId(3),
            started_at: Timestamp::from_ms(0),
            elapsed_ms: 61_500,
        });
        explained.terminal = TerminalName::parse("ATM-1").ok();
        assert_eq!(
            told(&explained, Currency::INR),
            "******4567: took cash; 400.00 INR of cash went out of the vault, and from the account ******4567; the \
             customer had 500.00 INR before and 100.00 INR after; the vault had 1400.00 INR before and 1000.00 INR \
             after; asked for in session 3 at ATM-1, 61 s after its log-in; seal 5 covers it, with entries 16 to 18."
        );
    }

    #[test]
    fn money_goes_the_right_way() {
        let table = [
            (Action::Deposit, "vault", "******4567", "came into the vault, and to the account ******4567"),
            (Action::Opening, "vault", "equity", "came from equity into the vault"),
            (Action::Opening, "equity", "******4567", "went from equity to ******4567"),
        ];
        for (action, debit, credit, expected) in table {
            let told = told(&entry(action, debit, credit), Currency::INR);
            assert!(told.contains(expected), "{told}");
        }
    }
}
