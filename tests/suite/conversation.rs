//! atm-cli on a real terminal: what a person sees, mistypes and interrupts. And what a script is told.

use atm_rpc::types::key::RequestKey;
use atm_rpc::types::mobile::MobileNumber;
use atm_tests::bank;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::link;
use atm_tests::process;
use atm_tests::terminal::Terminal;
use atm_tests::wait::eventually;
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use std::process::Command;

/// The prompts, each up to where the answer is typed.
mod prompt {
    pub(super) const NUMBER: &str = "Mobile number: ";
    pub(super) const REGISTER: &str = "Register it now (yes/no)? ";
    pub(super) const PIN: &str = "PIN: ";
    pub(super) const CURRENT_PIN: &str = "Current PIN: ";
    pub(super) const NEW_PIN: &str = "New PIN: ";
    pub(super) const NEW_PIN_AGAIN: &str = "New PIN again: ";
    pub(super) const MENU: &str = "> ";
    pub(super) const AMOUNT: &str = "Amount: ";
}

/// What atm-cli ends with after `exit`, after five wrong answers, and after Ctrl-C.
const LEFT: Option<i32> = Some(0);
const TOO_OFTEN: Option<i32> = Some(2);
const INTERRUPTED: Option<i32> = Some(130);
/// What it ends with where the bank said no.
const REJECTED: Option<i32> = Some(1);

/// How a prompt is left, and what atm-cli ends with then.
type Way = (fn(&mut Terminal), Option<i32>);

/// Where the number of a customer, and that of nobody, is typed.
const CUSTOMER: &str = "{customer}";
const NOBODY: &str = "{nobody}";

/// What a person does until a prompt appears, and what is wrong there.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// The prompts before it, each with its answer.
    before: &'static [(&'static str, &'static str)],
    prompt: &'static str,
    /// Whether what is typed is hidden.
    hidden: bool,
    /// Answers after which the same prompt comes again.
    wrong: &'static [&'static str],
}

const LOG_IN: [(&str, &str); 2] = [(prompt::NUMBER, CUSTOMER), (prompt::PIN, bank::PIN)];
const REGISTER: [(&str, &str); 2] = [(prompt::NUMBER, NOBODY), (prompt::REGISTER, "yes")];
/// Amounts that are none, and amounts that the bank refuses to somebody who has nothing.
const WRONG_DEPOSITS: &[&str] = &["", "-5", "1e3", "1.005", "1,000", "five", "0"];
const WRONG_WITHDRAWALS: &[&str] = &["", "x", "0", "10", "105", "100", "1000000000"];

const PLACES: &[Place] = &[
    Place {
        before: &[],
        prompt: prompt::NUMBER,
        hidden: false,
        wrong: &["", "12", "+911234567", "0801 234", "x"],
    },
    Place {
        before: &[LOG_IN[0]],
        prompt: prompt::PIN,
        hidden: true,
        wrong: &["", "1234", "123456", "abcde", bank::WRONG_PIN],
    },
    Place { before: &[REGISTER[0]], prompt: prompt::REGISTER, hidden: false, wrong: &["", "perhaps", "1"] },
    Place {
        before: &REGISTER,
        prompt: prompt::NEW_PIN,
        hidden: true,
        wrong: &["", "1234", "11111", "12345"],
    },
    Place {
        before: &[REGISTER[0], REGISTER[1], (prompt::NEW_PIN, bank::PIN)],
        prompt: prompt::NEW_PIN_AGAIN,
        hidden: true,
        wrong: &[],
    },
    Place { before: &LOG_IN, prompt: prompt::MENU, hidden: false, wrong: &["", "0", "7", "transfer"] },
    Place {
        before: &[LOG_IN[0], LOG_IN[1], (prompt::MENU, "deposit")],
        prompt: prompt::AMOUNT,
        hidden: false,
        wrong: WRONG_DEPOSITS,
    },
    Place {
        before: &[LOG_IN[0], LOG_IN[1], (prompt::MENU, "withdraw")],
        prompt: prompt::AMOUNT,
        hidden: false,
        wrong: WRONG_WITHDRAWALS,
    },
    Place {
        before: &[LOG_IN[0], LOG_IN[1], (prompt::MENU, "change pin")],
        prompt: prompt::CURRENT_PIN,
        hidden: true,
        wrong: &["", "1234"],
    },
];

/// An atmd with one customer, and the numbers that stand for [`CUSTOMER`] and [`NOBODY`].
struct Bank {
    atmd: Atmd,
    customer: MobileNumber,
    nobody: MobileNumber,
}

impl Bank {
    async fn open() -> Self {
        let bank = Self {
            atmd: Atmd::start(&Options::default()),
            customer: bank::number(1),
            nobody: bank::number(2),
        };
        link::register(&bank.atmd, bank.customer).await;
        bank
    }

    /// A conversation that stands at a prompt.
    fn at(&self, place: &Place) -> Terminal {
        let mut terminal = Terminal::start(self.atmd.cli_command(&[]));
        for (prompt, answer) in place.before {
            terminal.expect(prompt);
            let number = match *answer {
                CUSTOMER => self.customer.full(),
                NOBODY => self.nobody.full(),
                other => other.to_owned(),
            };
            terminal.line(&number);
        }
        terminal.expect(place.prompt);
        terminal
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_customer_is_led_from_number_to_balance() {
    let bank = Bank::open().await;
    let mut terminal = Terminal::start(bank.atmd.cli_command(&[]));
    for (prompt, answer) in [
        (prompt::NUMBER, bank.nobody.full().as_str()),
        (prompt::REGISTER, "yes"),
        (prompt::NEW_PIN, bank::PIN),
        (prompt::NEW_PIN_AGAIN, bank::WRONG_PIN),
        (prompt::NEW_PIN, bank::PIN),
        (prompt::NEW_PIN_AGAIN, bank::PIN),
        (prompt::MENU, "deposit"),
        (prompt::AMOUNT, "500"),
        (prompt::MENU, "withdraw"),
        (prompt::AMOUNT, "100"),
        (prompt::MENU, "balance"),
    ] {
        terminal.expect(prompt);
        terminal.line(answer);
    }
    terminal.expect("BALANCE");
    terminal.expect("400.00 INR");
    terminal.expect(prompt::MENU);
    terminal.line("exit");
    assert_eq!(terminal.wait(), LEFT, "{}", terminal.shown());
    for pin in [bank::PIN, bank::WRONG_PIN] {
        assert!(!terminal.shown().contains(pin), "a PIN is on the screen:\n{}", terminal.shown());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_prompt_is_asked_again_after_a_wrong_answer() {
    let bank = Bank::open().await;
    for place in PLACES {
        for wrong in place.wrong {
            let mut terminal = bank.at(place);
            terminal.line(wrong);
            terminal.expect(place.prompt);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn five_wrong_answers_end_it() {
    let bank = Bank::open().await;
    for place in PLACES.iter().filter(|place| place.wrong.contains(&"")) {
        let mut terminal = bank.at(place);
        for again in 1..=5 {
            terminal.line("");
            if again < 5 {
                terminal.expect(place.prompt);
            }
        }
        assert_eq!(terminal.wait(), TOO_OFTEN, "{place:?}\n{}", terminal.shown());
        assert!(terminal.echoes(), "{place:?}: the terminal is left without echo");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_prompt_can_be_left() {
    let bank = Bank::open().await;
    let ways: [Way; 3] =
        [(Terminal::ctrl_c, INTERRUPTED), (|terminal| terminal.line("exit"), LEFT), (Terminal::ctrl_d, LEFT)];
    for place in PLACES {
        for (leave, code) in ways {
            let mut terminal = bank.at(place);
            assert!(!terminal.echoes(), "{place:?}: what is typed ahead would be shown");
            // Typed, and taken back.
            terminal.send("~~\u{7f}\u{7f}");
            if !place.hidden {
                terminal.expect("~~");
            }
            leave(&mut terminal);
            assert_eq!(terminal.wait(), code, "{place:?}\n{}", terminal.shown());
            let shown = terminal.shown();
            assert_eq!(shown.contains('~'), !place.hidden, "{place:?}\n{shown}");
            assert!(terminal.echoes(), "{place:?}: the terminal is left without echo");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_that_is_typed_ahead_or_pasted_is_not_shown() {
    const NEW: &str = "50917";
    let bank = Bank::open().await;
    let mut terminal = Terminal::start(bank.atmd.cli_command(&[]));
    terminal.expect(prompt::NUMBER);
    let number = bank.customer.full();
    let typed = [&number, bank::WRONG_PIN, bank::PIN, "change pin", bank::PIN, NEW, NEW, "quit"];
    terminal.send(&format!("{}\r", typed.join("\r")));
    terminal.expect("Change of PIN");
    assert_eq!(terminal.wait(), LEFT, "{}", terminal.shown());
    let shown = terminal.shown();
    assert!(shown.contains(&format!("{}{number}", prompt::NUMBER)), "{shown}");
    for pin in [bank::PIN, bank::WRONG_PIN, NEW] {
        assert!(!shown.contains(pin), "a PIN is on the screen:\n{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_is_quiet_again_after_somebody_else_had_it() {
    let bank = Bank::open().await;
    let mut terminal = Terminal::start(shell("echo pid $$.; exec", bank.atmd.cli_command(&[])));
    terminal.expect("pid ");
    let pid = terminal.expect(".").trim_end_matches('.').parse().expect("a number");
    terminal.expect(prompt::NUMBER);
    terminal.line(&bank.customer.full());
    terminal.expect(prompt::PIN);

    let path = format!("/proc/{pid}/fd/0");
    let other = open(path, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("it has a terminal");
    let pid = Pid::from_raw(pid).expect("a process");
    kill_process(pid, Signal::STOP).expect("it can be stopped");
    let mut modes = tcgetattr(&other).expect("a terminal has modes");
    modes.local_modes.insert(LocalModes::ECHO | LocalModes::ICANON);
    tcsetattr(&other, OptionalActions::Now, &modes).expect("a terminal takes modes");
    assert!(terminal.echoes());
    kill_process(pid, Signal::CONT).expect("it can be continued");

    terminal.expect(prompt::PIN);
    assert!(!terminal.echoes(), "a PIN would be shown");
    terminal.line(bank::PIN);
    terminal.expect(prompt::MENU);
    terminal.line("q");
    assert_eq!(terminal.wait(), LEFT, "{}", terminal.shown());
    assert!(terminal.echoes(), "the terminal is left without echo");
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_z_gives_the_terminal_back_to_the_shell_and_fg_quiets_it_again() {
    const CTRL_Z: &str = "\u{1a}";
    let bank = Bank::open().await;
    // In the script of `sh -c`, "$0" "$@" is atm-cli.
    let script = "set -m; \"$0\" \"$@\"; echo stopped; read answer; fg; exit; exec";
    let mut terminal = Terminal::start(shell(script, bank.atmd.cli_command(&[])));
    terminal.expect(prompt::NUMBER);
    terminal.line(&bank.customer.full());
    terminal.expect(prompt::PIN);
    terminal.send(CTRL_Z);
    terminal.expect("stopped");
    assert!(terminal.echoes(), "the shell has no echo");
    terminal.line("go on");
    terminal.expect(prompt::PIN);
    assert!(!terminal.echoes(), "a PIN would be shown");
    terminal.line(bank::PIN);
    terminal.expect(prompt::MENU);
    // Nobody could let a program go on that no shell started.
    let mut alone = bank.at(&PLACES[1]);
    alone.send(CTRL_Z);
    alone.line(bank::PIN);
    alone.expect(prompt::MENU);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_amount_and_a_refused_pin_are_asked_for_again() {
    let bank = Bank::open().await;
    let mut terminal = bank.at(&PLACES[7]);
    for wrong in ["0", "x", "105", "100"] {
        terminal.line(wrong);
        terminal.expect(prompt::AMOUNT);
    }
    terminal.line("menu");
    terminal.expect(prompt::MENU);
    for (answer, prompt) in [
        ("change pin", prompt::CURRENT_PIN),
        (bank::PIN, prompt::NEW_PIN),
        (bank::PIN, prompt::NEW_PIN_AGAIN),
        (bank::PIN, "The new PIN is the one you have."),
    ] {
        terminal.line(answer);
        terminal.expect(prompt);
    }
    terminal.expect(prompt::NEW_PIN);
    terminal.line(bank::WRONG_PIN);
    terminal.expect(prompt::NEW_PIN_AGAIN);
    terminal.line(bank::WRONG_PIN);
    terminal.expect("RECEIPT");
    terminal.expect(prompt::MENU);

    terminal.line("withdraw");
    for _ in 0..5 {
        terminal.expect(prompt::AMOUNT);
        terminal.line("0");
    }
    terminal.expect("That was wrong five times. Goodbye.");
    assert_eq!(terminal.wait(), TOO_OFTEN, "{}", terminal.shown());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ended_idle_is_told_so() {
    let options = Options::default().set("limits.idle_timeout", "1s").set("server.login_timeout", "10m");
    let atmd = Atmd::start(&options);
    let mobile = bank::number(1);
    link::register(&atmd, mobile).await;
    for choice in ["balance", "withdraw\r100"] {
        let mut terminal = Terminal::start(atmd.cli_command(&[]));
        terminal.expect(prompt::NUMBER);
        terminal.line(&mobile.full());
        terminal.expect(prompt::PIN);
        terminal.line(bank::PIN);
        terminal.expect(prompt::MENU);
        eventually("the session ends", || {
            let status = atmd.ctl(&["status", "-o", "json"]).coded(0).json();
            let ended = status["data"][0]["connections_active"] == "0";
            if ended { Ok(()) } else { Err(status.to_string()) }
        });
        terminal.line(choice);
        terminal.expect("This session ended because nothing was asked for too long.");
        terminal.expect("Log in again.");
        assert_eq!(terminal.wait(), REJECTED, "{}", terminal.shown());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn last_tells_of_what_was_done_and_not_of_a_conflict() {
    let bank = Bank::open().await;
    let key = RequestKey::generate().to_string();
    let mobile = bank.customer.full();
    let run = |line: &str| {
        let line = format!("{line} --mobile {mobile} --pin-stdin");
        bank.atmd.cli(&line.split(' ').collect::<Vec<_>>(), bank::PIN)
    };
    drop(run("deposit 500").coded(0));
    drop(run(&format!("withdraw 100 --request-key {key}")).coded(0));
    let refused = run(&format!("withdraw 200 --request-key {key}")).coded(1);
    assert!(refused.stderr.contains("for another request"), "{refused}");
    for line in ["last".to_owned(), format!("last --request-key {key}")] {
        let told = run(&line).coded(0);
        assert!(told.stdout.contains("withdrawal of 100.00 INR did go through"), "{told}");
        assert!(!told.stdout.contains("200.00") && !told.stdout.contains("repeated"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_needs_no_home_and_a_movement_a_place_for_its_note() {
    let bank = Bank::open().await;
    let mobile = bank.customer.full();
    for (line, code) in [("balance", 0), ("statement", 0), ("deposit 500", 78)] {
        let line = format!("{line} --mobile {mobile} --pin-stdin");
        let mut command = bank.atmd.cli_command(&line.split(' ').collect::<Vec<_>>());
        for variable in ["HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "ATM_STATE_DIR"] {
            command.env_remove(variable);
        }
        drop(process::run(command, bank::PIN).coded(code));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_cannot_be_written_was_done_only_where_it_moved_something() {
    let bank = Bank::open().await;
    let mobile = bank.customer.full();
    for (line, code, said) in [
        ("balance", 70, "atm-cli: The result could not be written: "),
        ("deposit 500", 74, "atm-cli: It was done, and the receipt could not be written: "),
    ] {
        let line = format!("{line} --mobile {mobile} --pin-stdin");
        let command = bank.atmd.cli_command(&line.split(' ').collect::<Vec<_>>());
        let full = process::run(shell("exec > /dev/full; exec", command), bank::PIN).coded(code);
        assert!(full.stderr.starts_with(said), "{full}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_port_is_not_taken_for_the_customers() {
    let bank = Bank::open().await;
    let mut command = bank.atmd.cli_command(&[]);
    let args: Vec<String> = command.get_args().map(|arg| arg.to_string_lossy().into_owned()).collect();
    command = Command::new(command.get_program());
    let (here, there) = (bank.atmd.customers().to_string(), bank.atmd.operators().to_string());
    command.args(args.iter().map(|arg| if *arg == here { &there } else { arg }));
    command.args(["balance", "--mobile", "0801234567", "--pin-stdin"]);
    let failed = process::run(command, bank::PIN).coded(78);
    let said = "that address answers, but it is not the customers' port of atmd";
    assert!(failed.stderr.contains(said), "{failed}");
}

/// The same program, started by a shell that says something first. The script ends with `exec`.
fn shell(script: &str, program: Command) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{script} \"$0\" \"$@\"")).arg(program.get_program());
    command.args(program.get_args()).env_clear();
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(folder) = program.get_current_dir() {
        command.current_dir(folder);
    }
    command
}
