//! What became of the requests that have no final answer: asked at log-in, before anything else.

use crate::bank::{Bank, Settled};
use crate::console::Console;
use crate::error::Error;
use crate::output::Report;
use atm_rpc::types::key::RequestKey;
use atm_rpc::types::mobile::MobileNumber;

/// Settles all that is pending for the customer who is logged in, and tells each outcome. A request
/// that is about to be repeated or asked about is left out: asking would close its key. Gives the
/// newest outcome.
pub(crate) async fn settle(
    console: &mut Console,
    bank: &mut Bank,
    report: &mut Report,
    mobile: MobileNumber,
    except: Option<RequestKey>,
) -> Result<Option<Settled>, Error> {
    let (records, asides) = bank.pending(mobile)?;
    for aside in asides {
        report.note(console, &aside.to_string())?;
    }
    let mut newest = None;
    for record in records.into_iter().filter(|record| Some(record.request_key) != except) {
        let key = record.request_key;
        let outcome = console.wait(bank.outcome(key)).await??;
        let settled = Settled { key, record: Some(record), outcome };
        report.settled(console, &settled, &bank.words)?;
        if let Some(warning) = bank.conclude(&settled) {
            report.note(console, &warning)?;
        }
        newest = Some(settled);
    }
    Ok(newest)
}
