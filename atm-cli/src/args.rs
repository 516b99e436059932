//! The command line, as it was typed.

use atm_rpc::types::key::RequestKey;
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::terminal::TerminalName;
use clap::{Args, ColorChoice, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

const LONG_ABOUT: &str = "\
The customer's side of the ATM.

Without a subcommand it is a conversation: number, PIN, then a menu. A new number is registered \
on the way. Type exit at any prompt to leave, or code in place of the PIN if the bank gave you \
a one-time code. The subcommands do one thing each, for scripts.

Before a request that changes something is sent, it is noted on this machine's disk. After a \
crash, or when no answer came, the next log-in says what became of it before anything else.";

const AFTER_HELP: &str = "\
Examples:
  atm-cli
  atm-cli --server atm.example.org:65432 --ca ca.pem
  atm-cli balance --mobile 0801234567
  atm-cli deposit 500 --mobile 0801234567 --pin-stdin -o json < pin.txt
  atm-cli last --mobile 0801234567          did it go through?

The server and its CA are found by, in this order:
  1. --server, --ca
  2. the environment: ATM_SERVER, ATM_CA
  3. client.ini in $XDG_CONFIG_HOME/atm (or ~/.config/atm), then in /etc/atm,
     with lines such as: server = HOST:PORT, ca = FILE, terminal = NAME
  4. 127.0.0.1:65432, and the CA data/public/ca.pem under the current folder
     or /var/lib/atmd/public/ca.pem
Requests are noted in $ATM_STATE_DIR, or $XDG_STATE_HOME/atm, or
~/.local/state/atm: never a PIN.

Exit codes:
    0  done
    1  the bank said no (rejected, wrong PIN, session over)
    2  usage: the arguments or what was typed cannot be used
   69  atmd is not reachable; nothing was done
   70  something failed inside (the message names the incident), or what was
       asked about could not be written
   74  done, but the receipt could not be written
   75  the outcome is not known yet, or the bank is busy or closed: ask with
       `last`, or repeat with the same --request-key
   78  configuration: CA missing or not trusted, settings or notes unusable
  130  interrupted";

const KEY_EXAMPLES: &str = "\
A script that may be killed makes its own request key (a UUID of version 7) and
keeps it: a repeat with the same key gives the same outcome and acts once.";

/// The customer's side of the ATM.
#[derive(Debug, Parser)]
#[command(
    name = "atm-cli",
    version,
    about = "The customer's side of the ATM",
    long_about = LONG_ABOUT,
    after_help = AFTER_HELP,
    color = ColorChoice::Never,
    max_term_width = 80,
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) place: Place,
    /// What to do; without it, the conversation.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Where the server is and who this terminal is.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "The bank and this terminal")]
pub(crate) struct Place {
    /// The address of atmd [env: ATM_SERVER] [default: 127.0.0.1:65432]
    #[arg(long, global = true, value_name = "HOST:PORT")]
    pub(crate) server: Option<String>,
    /// The certificate of atmd's CA, a copy of its public/ca.pem [env: ATM_CA]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// The name of this terminal, shown on receipts [env: ATM_TERMINAL] [default: the host's name]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) terminal: Option<TerminalName>,
}

/// One thing to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Open an account for a new number
    #[command(after_help = KEY_EXAMPLES)]
    Register {
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        repeat: Repeat,
    },
    /// Show what the account has
    Balance {
        #[command(flatten)]
        who: Who,
    },
    /// Bring cash
    #[command(after_help = KEY_EXAMPLES)]
    Deposit(Movement),
    /// Take cash
    #[command(after_help = KEY_EXAMPLES)]
    Withdraw(Movement),
    /// Show the newest movements and changes of the account, newest first
    Statement {
        #[command(flatten)]
        who: Who,
        /// How many entries at most, 1 to 50; they are looked for among the newest 50
        #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=50))]
        count: u16,
        /// Show log-ins and exits, too
        #[arg(long)]
        all: bool,
    },
    /// Say what became of the last request: did it go through?
    ///
    /// Settles what is pending and shows its outcome; where nothing is pending, shows the outcome
    /// of the last request that this machine made for the number.
    Last {
        #[command(flatten)]
        who: Who,
        /// Ask about this request. One that never arrived is closed by the question: it will never be applied.
        #[arg(long, value_name = "UUIDv7")]
        request_key: Option<RequestKey>,
    },
    /// Choose a PIN by a one-time code of the bank
    ///
    /// For who was given an account, or does not know the PIN any more. All sessions of the number end.
    #[command(after_help = KEY_EXAMPLES)]
    Redeem {
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        repeat: Repeat,
    },
    /// Choose a new PIN
    #[command(after_help = KEY_EXAMPLES)]
    ChangePin {
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        repeat: Repeat,
    },
}

/// Whose account, and how it is shown.
#[derive(Args, Debug)]
pub(crate) struct Who {
    /// The mobile number, 5 to 15 digits; asked for where there is a terminal
    #[arg(long, value_name = "NUMBER")]
    pub(crate) mobile: Option<MobileNumber>,
    /// Read the PIN from the first line of standard input (change-pin: current, then new PIN; redeem: code, then PIN)
    #[arg(long)]
    pub(crate) pin_stdin: bool,
    /// How the result is printed
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = Format::Table)]
    pub(crate) output: Format,
}

/// The key under which a request acts once.
#[derive(Args, Debug)]
pub(crate) struct Repeat {
    /// The request's key; a repeat with the same key acts once [default: a new key]
    #[arg(long, value_name = "UUIDv7")]
    pub(crate) request_key: Option<RequestKey>,
}

/// An amount to bring or to take.
#[derive(Args, Debug)]
pub(crate) struct Movement {
    /// The amount, such as 500 or 500.00
    #[arg(allow_negative_numbers = true)]
    pub(crate) amount: String,
    #[command(flatten)]
    pub(crate) who: Who,
    #[command(flatten)]
    pub(crate) repeat: Repeat,
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// One JSON object.
    Json,
}

impl Command {
    /// Whose account it is about.
    pub(crate) const fn who(&self) -> &Who {
        match self {
            Self::Register { who, .. }
            | Self::Balance { who }
            | Self::Statement { who, .. }
            | Self::Last { who, .. }
            | Self::Redeem { who, .. }
            | Self::ChangePin { who, .. } => who,
            Self::Deposit(movement) | Self::Withdraw(movement) => &movement.who,
        }
    }

    /// Whether it needs the notes of requests. A question without them is answered all the same.
    pub(crate) const fn needs_notes(&self) -> bool {
        !matches!(self, Self::Balance { .. } | Self::Statement { .. })
    }

    /// The key that was given.
    pub(crate) const fn request_key(&self) -> Option<RequestKey> {
        match self {
            Self::Register { repeat, .. } | Self::ChangePin { repeat, .. } | Self::Redeem { repeat, .. } => {
                repeat.request_key
            }
            Self::Deposit(movement) | Self::Withdraw(movement) => movement.repeat.request_key,
            Self::Last { request_key, .. } => *request_key,
            Self::Balance { .. } | Self::Statement { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound_and_fits_80_columns() {
        Cli::command().debug_assert();
        let help = Cli::command().render_long_help().to_string();
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    #[test]
    fn takes_and_refuses() {
        let key = "0190a6e2-7d4c-7b1e-9c53-2f6d8e0a4b17";
        let with_key = format!("withdraw 500 --mobile 0801234567 --pin-stdin --request-key {key} -o json");
        let table = [
            ("", true),
            ("--server h:1 --ca x.pem --terminal ATM-1", true),
            ("balance --server h:1", true),
            (with_key.as_str(), true),
            ("deposit -5", true), // refused later, with words about amounts
            ("statement --count 50", true),
            ("statement --all", true),
            ("last --request-key 0190a6e2-7d4c-7b1e-9c53-2f6d8e0a4b17", true),
            ("change-pin --pin-stdin", true),
            ("redeem --mobile 0801234567 --pin-stdin", true),
            ("redeem 7K2M-Q9XD-3HRT --pin-stdin", false),
            ("deposit", false),
            ("balance --pin 12345", false),
            ("balance --mobile 12", false),
            ("balance --request-key 0190a6e2-7d4c-7b1e-9c53-2f6d8e0a4b17", false),
            ("withdraw 1 --request-key f47ac10b-58cc-4372-a567-0e02b2c3d479", false),
            ("statement --count 0", false),
            ("statement --count 51", false),
            ("balance -o csv", false),
            ("-o json", false),
            ("--terminal has/slash", false),
            ("transfer 5", false),
        ];
        for (line, good) in table {
            let args = std::iter::once("atm-cli").chain(line.split_whitespace());
            assert_eq!(Cli::try_parse_from(args).is_ok(), good, "{line}");
        }
    }
}
