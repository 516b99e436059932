//! What atmd tells nobody: no log has a PIN, a token, a key or a whole number.

use super::{read, stderr};
use atm_rpc::client::CustomerError;
use atm_rpc::customer::PinChange;
use atm_rpc::error::ServiceError;
use atm_rpc::types::key::{RequestKey, ResumeToken};
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::pin::Pin;
use atm_tests::bank::{self, rupees};
use atm_tests::daemon::{Atmd, Options};
use atm_tests::link;
use std::io::Write;
use std::net::TcpStream;
use tokio::task::block_in_place;

/// PINs that no port, count or time of the log is by chance.
const PINS: [&str; 5] = ["90417", "83529", "71946", "68205", "97351"];
const WEAK_PIN: &str = "77777";

fn credentials(mobile: MobileNumber, pin: &str) -> atm_rpc::customer::Credentials {
    atm_rpc::customer::Credentials { mobile, pin: Pin::parse(pin).unwrap() }
}

/// What a customer does, right and wrong, with the tokens that it was given.
async fn story(atmd: &mut Atmd, customer: MobileNumber, guessed: MobileNumber) -> Vec<ResumeToken> {
    let mut tokens = Vec::new();
    let mut client = link::customer(atmd);
    let [pin, new_pin, wrong, others, stranger] = PINS;
    let weak = client.register(RequestKey::generate(), &credentials(customer, WEAK_PIN)).await;
    assert!(matches!(weak, Err(CustomerError::Service(ServiceError::Rejected(_)))), "{weak:?}");
    let _ = client.register(RequestKey::generate(), &credentials(customer, pin)).await.unwrap();
    let _ = client.register(RequestKey::generate(), &credentials(guessed, others)).await.unwrap();
    let _ = client.register(RequestKey::generate(), &credentials(customer, pin)).await.unwrap_err();
    let terminal = bank::terminal();
    let _ = client.login(&credentials(bank::number(99), stranger), &terminal).await.unwrap_err();
    let _ = client.login(&credentials(customer, wrong), &terminal).await.unwrap_err();
    for _ in 0..6 {
        let _ = client.login(&credentials(guessed, wrong), &terminal).await.unwrap_err();
    }
    tokens.push(client.login(&credentials(customer, pin), &terminal).await.unwrap().token);
    let key = RequestKey::generate();
    let _ = client.deposit(key, rupees(500)).await.unwrap();
    let _ = client.deposit(key, rupees(501)).await.unwrap_err();
    let _ = client.withdraw(RequestKey::generate(), rupees(1_000)).await.unwrap_err();
    let change =
        |current, new| PinChange { current: Pin::parse(current).unwrap(), new: Pin::parse(new).unwrap() };
    for refused in [change(wrong, new_pin), change(pin, pin), change(pin, WEAK_PIN)] {
        let _ = client.change_pin(RequestKey::generate(), &refused).await.unwrap_err();
    }
    let _ = client.change_pin(RequestKey::generate(), &change(pin, new_pin)).await.unwrap();
    block_in_place(|| {
        atmd.kill();
        atmd.restart();
    });
    assert_eq!(client.balance().await.unwrap().posted, rupees(500));
    tokens.push(client.login(&credentials(customer, new_pin), &terminal).await.unwrap().token);
    client.exit().await.unwrap();
    tokens
}

/// What strangers and operators do.
fn others(atmd: &Atmd, customer: MobileNumber, guessed: MobileNumber) {
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 600], PINS[0].as_bytes()] {
        let mut stranger = TcpStream::connect(atmd.customers()).unwrap();
        stranger.write_all(bytes).unwrap();
    }
    let number = guessed.full();
    let _ = atmd.ctl(&["blacklist", "list"]).coded(0);
    let _ = atmd.ctl(&["blacklist", "show", &number]).coded(0);
    let _ = atmd.ctl(&["blacklist", "remove", &number, "--reason", "seen in person"]).coded(0);
    let _ = atmd.ctl(&["blacklist", "add", &customer.full(), "--reason", "lost his card"]).coded(0);
    let command = ["balance", "--mobile", &customer.full(), "--pin-stdin"];
    assert_ne!(atmd.cli(&command, &format!("{}\n", PINS[1])).code, Some(0), "it is on the blacklist");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for group in bytes.chunks_exact(3) {
        let bits = group.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        text.extend([18, 12, 6, 0].map(|shift| char::from(BASE64[bits >> shift & 63])));
    }
    text
}

/// The ways in which bytes are written down.
fn written(bytes: &[u8]) -> [String; 4] {
    let list = format!("{bytes:?}");
    [hex(bytes), hex(bytes).to_uppercase(), base64(bytes), list.trim_matches(['[', ']']).to_owned()]
}

/// Keys as text: hexadecimal lines of the secrets, base64 lines of private keys.
fn keys(atmd: &Atmd) -> Vec<String> {
    let mut all = Vec::new();
    for name in ["keys/pepper", "keys/seal"] {
        let text = read(&atmd.data().join(name));
        let digits = text.split_whitespace().last().unwrap();
        let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
        all.extend(written(&(0..64).step_by(2).map(byte).collect::<Vec<u8>>()));
    }
    for name in ["pki/ca.key", "pki/root.pem"] {
        let text = read(&atmd.data().join(name));
        let private = text.split("-----BEGIN PRIVATE KEY-----").nth(1).expect("a private key");
        all.extend(
            private.lines().filter(|line| line.len() > 20 && !line.starts_with('-')).map(str::to_owned),
        );
    }
    assert!(all.len() >= 12, "the keys were read");
    all
}

/// Where a PIN stands by itself, and is no part of a longer number.
fn has_pin(text: &str, pin: &str) -> bool {
    let own = |at: usize| {
        let (before, after) = (&text[..at], &text[at + pin.len()..]);
        let digit = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_hexdigit());
        !digit(before.chars().next_back()) && !digit(after.chars().next())
    };
    text.match_indices(pin).any(|(at, _)| own(at)) || text.contains(&written(pin.as_bytes())[3])
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_has_a_pin_a_token_a_key_or_a_whole_number() {
    let mut atmd = Atmd::start(&Options::default().set("logging.level", "trace"));
    let (customer, guessed) =
        (MobileNumber::parse("0912784653").unwrap(), MobileNumber::parse("918273645546").unwrap());
    let tokens = story(&mut atmd, customer, guessed).await;
    block_in_place(|| {
        others(&atmd, customer, guessed);
        assert!(atmd.stop().success());
    });
    let texts = [atmd.log(), read(&stderr(&atmd))];
    for words in ["auth_failed", "blacklisted", "pin_changed", "exit", "TRACE", "handshake failed"] {
        assert!(texts[0].contains(words), "the log does not tell the story: no {words}");
    }
    assert!(texts[0].contains(&customer.masked()), "the log does not tell of the customer");
    let mut secrets = keys(&atmd);
    secrets.extend(tokens.iter().flat_map(|token| written(token.expose())));
    for mobile in [customer, guessed] {
        secrets.extend([mobile.full(), mobile.packed().to_string()]);
    }
    for text in &texts {
        for secret in &secrets {
            let line = text.lines().find(|line| line.contains(secret.as_str()));
            assert!(line.is_none(), "{secret} is in {line:?}");
        }
        for pin in PINS.iter().chain([&WEAK_PIN]) {
            let line = text.lines().find(|line| has_pin(line, pin));
            assert!(line.is_none(), "{pin} is in {line:?}");
        }
    }
}

#[test]
fn what_is_looked_for_in_logs_would_be_found() {
    for leak in ["pin=90417", "90417", "Pin([57, 48, 52, 49, 55])", "\"90417\""] {
        assert!(has_pin(leak, "90417"), "{leak}");
    }
    for chance in ["1234.904175", "mac=a90417f0", "peer=127.0.0.1:9041"] {
        assert!(!has_pin(chance, "90417"), "{chance}");
    }
    assert_eq!(written(b"\x00\xffatm")[..3], ["00ff61746d", "00FF61746D", "AP9h"]);
}
