//! Frames of every call, as they were recorded: they are read for ever, and are what the other tests break.

use super::framed;
use atm_rpc::customer::{CustomerRequest, PinChange};
use atm_rpc::operator::{Capability, Mode, Narrow, OperatorRequest, PluginIdentity};
use atm_rpc::transport::wire::ToServer;
use atm_rpc::transport::{CUSTOMER, OPERATOR, Service};
use atm_rpc::types::key::{RequestKey, ResumeToken};
use atm_rpc::types::money::Money;
use atm_rpc::types::pin::Pin;
use atm_rpc::types::time::Timestamp;
use atm_tests::bank::{self, PIN, WRONG_PIN};
use atm_tests::programs;
use serde::Serialize;
use std::fs;
use std::path::PathBuf;

/// A recorded frame: its service, its call's name, and its bytes with the length before them.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) service: Service,
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

/// Frames of all calls of both services.
pub(super) fn frames() -> Vec<Recorded> {
    let customers = customers().into_iter().map(|call| record(CUSTOMER, call));
    let operators = operators().into_iter().map(|call| record(OPERATOR, call));
    customers.chain(operators).collect()
}

fn record<Call: Serialize>(service: Service, call: Call) -> Recorded {
    let json = serde_json::to_value(&call).unwrap();
    let name = json.as_object().unwrap().keys().next().unwrap().to_lowercase();
    let content = service.format.encode(&ToServer::Request { id: 7, deadline_ms: 30_000, call }).unwrap();
    Recorded { service, name, bytes: framed(&content) }
}

fn key() -> RequestKey {
    RequestKey::parse("0190a6e2-7d4c-7b1e-9c53-2f6d8e0a4b17").unwrap()
}

fn customers() -> Vec<CustomerRequest> {
    let credentials = bank::right(bank::number(1));
    let change = PinChange { current: Pin::parse(PIN).unwrap(), new: Pin::parse(WRONG_PIN).unwrap() };
    vec![
        CustomerRequest::Version {},
        CustomerRequest::Lookup { mobile: bank::number(1) },
        CustomerRequest::Register { key: key(), credentials: credentials.clone() },
        CustomerRequest::Login { credentials, terminal: bank::terminal() },
        CustomerRequest::Resume { token: ResumeToken::new([9; 32]) },
        CustomerRequest::Balance {},
        CustomerRequest::Withdraw { key: key(), amount: Money::from_minor(50_000) },
        CustomerRequest::Deposit { key: key(), amount: Money::from_minor(50_000) },
        CustomerRequest::Statement { count: 10 },
        CustomerRequest::Outcome { key: key() },
        CustomerRequest::ChangePin { key: key(), change },
        CustomerRequest::Exit {},
        CustomerRequest::Notice {},
    ]
}

fn operators() -> Vec<OperatorRequest> {
    let (mobile, reason) = (bank::number(1), "lost his card".to_owned());
    let plugin = PluginIdentity { name: "probe".into(), version: "1.0".into(), digest: "00ff".into() };
    let to = Narrow {
        mode: Mode::Read,
        command: "probe run".into(),
        capabilities: vec![Capability::StatusRead, Capability::BlacklistRead],
        plugin: Some(plugin),
        ttl_ms: 60_000,
    };
    let until = Some(Timestamp::from_ms(1_900_000_000_000));
    vec![
        OperatorRequest::Whoami {},
        OperatorRequest::Narrow { to },
        OperatorRequest::Status {},
        OperatorRequest::BlacklistList { after: None, rows: 10 },
        OperatorRequest::BlacklistShow { mobile },
        OperatorRequest::BlacklistAdd { mobile, reason: reason.clone(), until },
        OperatorRequest::BlacklistRemove { mobile, reason },
        OperatorRequest::BlacklistHistory { mobile: Some(mobile), after: Some(1), rows: 10 },
        OperatorRequest::DaemonReload {},
        OperatorRequest::DaemonDrain { reason: "new disks".to_owned(), deadline_ms: Some(600_000) },
        OperatorRequest::DaemonUndrain {},
    ]
}

/// Where the frames of a service are kept, for those that look for frames that break something.
fn folder(service: Service) -> PathBuf {
    let name = if service == CUSTOMER { "customer_frames" } else { "operator_frames" };
    programs::root().join("fuzz/corpus").join(name)
}

#[test]
fn calls_are_written_as_they_were_recorded() {
    for Recorded { service, name, bytes } in frames() {
        let file = folder(service).join(&name);
        // Of a new call: `ATM_RECORD=true cargo test recorded`. What is there is never written again.
        if std::env::var("ATM_RECORD").as_deref() == Ok("true") && !file.exists() {
            fs::write(&file, &bytes).unwrap();
        }
        let recorded = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert_eq!(recorded, bytes, "{}", file.display());
    }
}
