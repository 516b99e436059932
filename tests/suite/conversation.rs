//! atm-cli on a real terminal: what a person sees, mistypes and interrupts.

use atm_rpc::types::mobile::MobileNumber;
use atm_tests::bank;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::link;
use atm_tests::terminal::Terminal;

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
const WRONG_AMOUNTS: &[&str] = &["", "-5", "1e3", "1.005", "1,000", "five"];

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
        wrong: WRONG_AMOUNTS,
    },
    Place {
        before: &[LOG_IN[0], LOG_IN[1], (prompt::MENU, "withdraw")],
        prompt: prompt::AMOUNT,
        hidden: false,
        wrong: WRONG_AMOUNTS,
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
            assert_eq!(terminal.echoes(), !place.hidden, "{place:?}\n{}", terminal.shown());
            leave(&mut terminal);
            assert_eq!(terminal.wait(), code, "{place:?}\n{}", terminal.shown());
            assert!(terminal.echoes(), "{place:?}: the terminal is left without echo");
        }
    }
}
