//! atmd as a service: what it says when it starts, why it does not, how it stops, what it leaves on the disk,
//! and what it tells nobody.

use atm_rpc::client::CustomerError;
use atm_rpc::customer::{CustomerClient, PinChange, Receipt};
use atm_rpc::error::ServiceError;
use atm_rpc::types::account::AccountId;
use atm_rpc::types::action::Action;
use atm_rpc::types::key::{RequestKey, ResumeToken};
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::money::Money;
use atm_rpc::types::pin::Pin;
use atm_tests::bank::{self, rupees};
use atm_tests::books::Books;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::process::{self, Outcome};
use atm_tests::random::Random;
use atm_tests::wait::{self, eventually};
use atm_tests::{csv, link};
use futures::future::join_all;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use tokio::task::block_in_place;

/// What atmd ends with where its configuration or files are not right.
const CONFIGURATION: i32 = 78;

/// An atmd on a stopped one's data and ports, whose stdout and signals are the test's.
struct Running {
    child: Child,
    stdout: mpsc::Receiver<String>,
}

impl Running {
    /// Starts it, and gives what it said until it served.
    fn start(atmd: &Atmd) -> (Self, Vec<String>) {
        Self::from(on_its_ports(atmd), atmd)
    }

    fn from(mut command: Command, atmd: &Atmd) -> (Self, Vec<String>) {
        let errors = File::options().create(true).append(true).open(stderr(atmd)).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        let mut child = command.spawn().unwrap();
        let (sender, stdout) = mpsc::channel();
        let lines = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || lines.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        let running = Self { child, stdout };
        let mut said = Vec::new();
        while said.last().is_none_or(|line: &String| !line.starts_with("atmd ready: ")) {
            let line = running.stdout.recv_timeout(wait::PATIENCE);
            said.push(line.unwrap_or_else(|_| panic!("{said:?}\n{}", read(&stderr(atmd)))));
        }
        (running, said)
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end, and gives what it said since.
    fn wait(mut self) -> (ExitStatus, Vec<String>) {
        let status = wait::exit(&mut self.child, wait::PATIENCE).expect("it ends");
        (status, self.stdout.iter().collect())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        process::end(&mut self.child);
    }
}

fn on_its_ports(atmd: &Atmd) -> Command {
    let mut command = atmd.command(&[]);
    command.arg("--set").arg(format!("server.port={}", atmd.customers().port()));
    command.arg("--set").arg(format!("operator.listen={}", atmd.operators()));
    command
}

/// Tries to start a stopped atmd where it should not.
fn refused(command: Command) -> Outcome {
    let outcome = process::run(command, "").coded(CONFIGURATION);
    assert_eq!(outcome.stdout, "", "{outcome}");
    assert!(outcome.stderr.starts_with("atmd: "), "{outcome}");
    outcome
}

fn folder(atmd: &Atmd) -> PathBuf {
    atmd.data().parent().unwrap().to_owned()
}

fn stderr(atmd: &Atmd) -> PathBuf {
    folder(atmd).join("stderr")
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

/// Waits until the log says something that was not `before` in it.
fn logged(atmd: &Atmd, before: &str, words: &str) {
    eventually(&format!("the log says {words:?}"), || {
        let log = atmd.log();
        let new = log.get(before.len()..).unwrap_or_default();
        if new.contains(words) { Ok(()) } else { Err(log) }
    });
}

/// What a client asked for, and what it was told.
#[derive(Clone, Debug)]
struct Asked {
    mobile: MobileNumber,
    key: RequestKey,
    amount: Money,
    told: Option<Receipt>,
}

/// Deposits over one connection until it breaks or atmd says that it stops.
async fn load(
    client: CustomerClient,
    mobile: MobileNumber,
    seed: u64,
    acknowledged: &AtomicU64,
) -> Vec<Asked> {
    let mut random = Random::new(seed);
    let mut asked: Vec<Asked> = Vec::new();
    loop {
        let amount = Money::from_minor(i64::try_from(random.below(10_000)).unwrap() + 1);
        let key = RequestKey::generate();
        let answer = client.deposit(link::patient(), key, amount).await;
        let told = match answer {
            Ok(Ok(receipt)) => Some(receipt),
            Ok(Err(ServiceError::Unavailable | ServiceError::OutcomeUnknown)) | Err(_) => None,
            Ok(Err(other)) => panic!("{mobile:?} is told {other} where atmd stops"),
        };
        let goes_on = told.is_some();
        asked.push(Asked { mobile, key, amount, told });
        if !goes_on {
            return asked;
        }
        acknowledged.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_under_load_loses_and_doubles_nothing() {
    const CUSTOMERS: u32 = 8;
    const AT_ONCE: u64 = 3;
    let mut atmd = Atmd::start(&Options::default());
    let acknowledged = Arc::new(AtomicU64::new(0));
    let mut loads = Vec::new();
    for n in 0..CUSTOMERS {
        link::register(&atmd, bank::number(n)).await;
        let client = link::plain(&atmd, link::HERE).await;
        link::login(&client, bank::number(n)).await.unwrap();
        for at_once in 0..AT_ONCE {
            let (client, acknowledged) = (client.clone(), Arc::clone(&acknowledged));
            let seed = u64::from(n) * AT_ONCE + at_once;
            loads.push(tokio::spawn(async move { load(client, bank::number(n), seed, &acknowledged).await }));
        }
    }
    let status = block_in_place(|| {
        eventually("clients are served", || match acknowledged.load(Ordering::Relaxed) {
            300.. => Ok(()),
            few => Err(few.to_string()),
        });
        atmd.stop()
    });
    assert_eq!(status.code(), Some(0));
    let asked: Vec<Asked> = join_all(loads).await.into_iter().flat_map(Result::unwrap).collect();
    let books = Books::of(&atmd.config()).await;
    check_once(&books, &asked);
    atmd.restart();
    for n in 0..CUSTOMERS {
        let mut customer = link::logged_in(&atmd, bank::number(n)).await;
        for Asked { key, amount, told, .. } in asked.iter().filter(|asked| asked.mobile == bank::number(n)) {
            let receipt = customer.deposit(*key, *amount).await.unwrap();
            if let Some(told) = told {
                assert_eq!(receipt, Receipt { replayed: true, ..told.clone() });
            }
        }
    }
    assert!(atmd.stop().success());
    let books = Books::of(&atmd.config()).await;
    assert_eq!(check_once(&books, &asked), asked.len(), "each repeat has its effect");
}

/// All that was acknowledged is in the books, and nothing that nobody asked for. Gives how much is there.
fn check_once(books: &Books, asked: &[Asked]) -> usize {
    let deposits = books.entries.iter().filter(|entry| entry.action == Action::Deposit);
    let mut there: HashMap<RequestKey, _> = deposits.map(|entry| (entry.request.unwrap().0, entry)).collect();
    let count = there.len();
    for Asked { mobile, key, amount, told } in asked {
        let entry = there.remove(key);
        if let Some(told) = told {
            assert_eq!(entry.map(|entry| entry.receipt(false)).as_ref(), Some(told), "what was acknowledged");
        }
        if let Some(entry) = entry {
            assert_eq!(entry.customer, Some(AccountId::of(*mobile)));
            assert_eq!(entry.transfer.map(|transfer| transfer.amount), Some(*amount));
        }
    }
    assert_eq!(there.len(), 0, "nobody asked for {there:?}");
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once() {
    let options = Options::default().set("auth.failure_delay", "1m").set("server.shutdown_timeout", "10m");
    for second in [Signal::TERM, Signal::INT] {
        let mut atmd = Atmd::start(&options);
        link::register(&atmd, bank::number(1)).await;
        assert!(atmd.stop().success());
        let (mut running, _) = Running::start(&atmd);
        // An answer that is under way for a minute keeps the stop waiting.
        let client = link::plain(&atmd, link::HERE).await;
        let slow = tokio::spawn(async move {
            let _ = client.login(link::patient(), bank::wrong(bank::number(1)), bank::terminal()).await;
        });
        eventually("the attempt is decided", || {
            let rows = csv::client(&atmd.client_csv())?;
            let failed = rows.iter().any(|row| row.action == Action::AuthFailed);
            if failed { Ok(()) } else { Err(format!("{rows:?}")) }
        });
        let before = atmd.log();
        running.signal(Signal::TERM);
        logged(&atmd, &before, "stopping");
        assert!(running.runs(), "it does not wait for the answer that is under way");
        running.signal(second);
        let (status, _) = running.wait();
        assert_eq!(status.code(), Some(0));
        assert!(atmd.log().contains("ended at once by a second signal"), "{}", atmd.log());
        slow.abort();
        atmd.restart();
        assert!(atmd.stop().success());
        let _ = Books::of(&atmd.config()).await;
    }
}

#[tokio::test]
async fn an_address_that_is_taken_is_named_with_its_key() {
    // The file's port is that of another program; the harness itself goes before it with a flag.
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let mut atmd = Atmd::start(&Options::default().set("server.port", &port.to_string()));
    assert!(atmd.stop().success());
    let (customers, operators) = (atmd.customers(), atmd.operators());
    let same = TcpListener::bind(SocketAddr::new(customers.ip(), port)).unwrap();
    let config = folder(&atmd).join("config.ini");
    let line = 1 + read(&config).lines().position(|line| line.starts_with("port = ")).unwrap();
    let mut command = atmd.command(&[]);
    command.args(["--set", &format!("operator.listen={operators}")]);
    let outcome = refused(command);
    let place = format!("{}:{line}: [server] port = \"{port}\"", config.display());
    assert!(outcome.stderr.contains(&place), "{place}\n{outcome}");
    drop(same);

    let same = TcpListener::bind(operators).unwrap();
    let outcome = refused(on_its_ports(&atmd));
    let place = format!("flag: [operator] listen = \"{operators}\"");
    assert!(outcome.stderr.contains(&place), "{place}\n{outcome}");
    drop(same);

    let mut command = on_its_ports(&atmd);
    command.env("ATMD_SERVER_PORT", "0").args(["--set", "server.host=203.0.113.1"]);
    let outcome = refused(command);
    assert!(outcome.stderr.contains("[server]"), "{outcome}");
    atmd.restart();
}

#[tokio::test]
async fn a_section_that_is_filled_in_for_nothing_is_warned_of() {
    let atmd = Atmd::start(&Options::default());
    assert!(!atmd.log().contains("[mysql]"), "{}", atmd.log());
    let atmd = Atmd::start(&Options::default().set("mysql.password", "of-the-database"));
    logged(&atmd, "", "[mysql] is filled in and not used");
    let warning = atmd.log();
    let line = warning.lines().find(|line| line.contains("[mysql]")).unwrap();
    assert!(line.contains(" WARN "), "{line}");
    for said in [atmd.log(), read(&stderr(&atmd))] {
        assert!(!said.contains("of-the-database"), "{said}");
    }
}

/// All files and folders below one, by path from there, with their modes.
fn modes(folder: &Path) -> BTreeMap<String, u32> {
    tree(folder).into_iter().map(|(path, metadata)| (path, metadata.mode() & 0o7777)).collect()
}

fn tree(folder: &Path) -> Vec<(String, fs::Metadata)> {
    let mut found = vec![(String::from("."), fs::symlink_metadata(folder).unwrap())];
    let mut open = vec![folder.to_owned()];
    while let Some(inside) = open.pop() {
        for entry in fs::read_dir(&inside).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            if metadata.is_dir() {
                open.push(path.clone());
            }
            found.push((path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned(), metadata));
        }
    }
    found
}

/// The same program where the user's mask takes nothing away.
fn without_umask(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask 0; exec \"$0\" \"$@\""]).arg(command.get_program()).args(command.get_args());
    shell.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.current_dir(command.get_current_dir().unwrap());
    shell
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_tells_where_things_are_and_each_has_its_mode() {
    const EXPECTED: [(&str, u32); 17] = [
        (".", 0o755),
        ("atmd.lock", 0o600),
        ("bank.db", 0o600),
        ("bank.db-shm", 0o600),
        ("bank.db-wal", 0o600),
        ("bank_server.log", 0o640),
        ("keys", 0o700),
        ("keys/pepper", 0o600),
        ("keys/seal", 0o600),
        ("ledger", 0o750),
        ("ledger/bank.csv", 0o640),
        ("ledger/client.csv", 0o640),
        ("pki", 0o700),
        ("pki/ca.key", 0o600),
        ("pki/root.pem", 0o600),
        ("public", 0o755),
        ("public/ca.pem", 0o644),
    ];
    let mut atmd = Atmd::start(&Options::default());
    assert!(atmd.stop().success());
    fs::remove_dir_all(atmd.data()).unwrap();
    let (running, said) = Running::from(without_umask(&on_its_ports(&atmd)), &atmd);
    eventually("the ledgers are there", || fs::metadata(atmd.bank_csv()).map_err(|e| e.to_string()));
    eventually("the ledgers are there", || fs::metadata(atmd.client_csv()).map_err(|e| e.to_string()));
    let expected: BTreeMap<String, u32> = EXPECTED.map(|(path, mode)| (path.to_owned(), mode)).into();
    assert_eq!(modes(&atmd.data()), expected);
    let text = said.join("\n");
    for place in [atmd.data(), atmd.ca(), atmd.root_identity(), atmd.data().join("keys")] {
        assert!(text.contains(place.to_str().unwrap()), "{place:?} is not named in\n{text}");
    }
    assert!(text.contains("(secret)") && text.contains("atm-cli") && text.contains("atmctl"), "{text}");
    running.signal(Signal::TERM);
    let (status, rest) = running.wait();
    assert_eq!((status.code(), rest), (Some(0), Vec::new()));

    let (running, said) = Running::start(&atmd);
    let (customers, operators) = (atmd.customers(), atmd.operators());
    let data = atmd.data();
    let ready = format!("atmd ready: customers {customers}, operators {operators}, data {}", data.display());
    assert_eq!(said, [ready]);
    running.signal(Signal::INT);
    let (status, rest) = running.wait();
    assert_eq!((status.code(), rest), (Some(0), Vec::new()));
    let errors = read(&stderr(&atmd));
    let complaints: Vec<&str> = errors.lines().filter(|line| !line.starts_with("atmd: stopping")).collect();
    assert_eq!(complaints, [""; 0], "a start and a stop in order are no reason to complain");
}

/// Everything in a folder: bytes and mode of each file.
fn snapshot(folder: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let content = |path: &str, metadata: &fs::Metadata| match metadata.is_file() {
        true => fs::read(folder.join(path)).unwrap(),
        false => Vec::new(),
    };
    tree(folder).into_iter().map(|(path, m)| (path.clone(), (m.mode(), content(&path, &m)))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_keys_a_bank_is_not_opened_and_not_touched() {
    let mut atmd = Atmd::start(&Options::default());
    link::register(&atmd, bank::number(1)).await;
    assert!(atmd.stop().success());
    for name in ["pepper", "seal"] {
        let key = atmd.data().join("keys").join(name);
        let kept = fs::read(&key).unwrap();
        let tell = |what: &str, words: &str| {
            let before = snapshot(&atmd.data());
            let outcome = refused(on_its_ports(&atmd));
            assert!(outcome.stderr.contains(key.to_str().unwrap()), "{name} {what}: {outcome}");
            assert!(outcome.stderr.contains(words), "{name} {what}: {outcome}");
            let hex = String::from_utf8_lossy(&kept).split_whitespace().last().unwrap().to_owned();
            assert!(!outcome.stderr.contains(&hex), "{name} {what}: the key is told");
            assert_eq!(snapshot(&atmd.data()), before, "{name} {what}: something was changed");
        };
        fs::remove_file(&key).unwrap();
        tell("is missing", "restore it from the backup");
        fs::write(&key, &kept[..kept.len() / 2]).unwrap();
        fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
        tell("is cut", "64 hexadecimal digits");
        fs::write(&key, &kept).unwrap();
        fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();
        tell("is open", "chmod 600");
        fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    }
    atmd.restart();
    let _ = link::logged_in(&atmd, bank::number(1)).await;
}

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
