//! What operators do to accounts, one-time codes and lists of numbers, as scripts: `command => answer`.
//!
//! [`Stage::run`](super::stage::Stage::run) says what the commands do.

use super::sessions::check;

const STATES: &[(&str, &str)] = &[
    (
        "blocks add up, and each is an entry",
        "login a
        deposit 1 => deposit 10000
        block a debit => changed true, debit-blocked, ended 0, bars []
        block a debit => changed false, debit-blocked, ended 0, bars []
        deposit 1 => deposit 20000
        block a credit => changed true, blocked, ended 0, bars []
        deposit 1 => no: CreditBlocked
        block a both => changed false, blocked, ended 0, bars []
        journal a => registered login deposit debit_blocked deposit credit_blocked
        audits => 1 done, 2 unchanged, 3 done, 4 unchanged",
    ),
    (
        "both at once are two entries",
        "block a both => changed true, blocked, ended 0, bars []
        journal a => registered debit_blocked credit_blocked",
    ),
    (
        "unblocking clears every bar and says which there were",
        "guess a
        block a both
        list a stolen
        unblock a found => changed true, active, ended 0, bars [debit-blocked+credit-blocked+blacklisted+failures]
        unblock a found => changed false, active, ended 0, bars []
        guesses a => 0 tried, 0 wrong
        login a => session 1.1, took 0, after 0
        events => Added Removed
        journal a => registered auth_failed debit_blocked credit_blocked blacklisted unblacklisted unblocked login",
    ),
    (
        "a number that is only on the blacklist is unblocked, and one that is nowhere is not found",
        "unblock z found => NotFound
        list z stolen
        unblock z found => changed true, nobody, ended 0, bars [blacklisted]
        events => Added Removed",
    ),
    (
        "wrong PINs alone are a bar",
        "guess a
        unblock a asked => changed true, active, ended 0, bars [failures]
        guesses a => 0 tried, 0 wrong",
    ),
    (
        "an account is closed when it is empty, for good",
        "login a
        login b
        deposit 2
        close b => Conflict(NotEmpty { posted: Money(10000), pending: Money(0) })
        reset a code 9
        close a => changed true, closed, ended 1, bars []
        close a => changed false, closed, ended 0, bars []
        deposit 1 => ended: AccountClosed
        login a => no: AccountClosed
        unblock a please => Conflict(AccountClosed)
        block a debit => Conflict(AccountClosed)
        reset a code 9 => Conflict(AccountClosed)
        open a code 9 => Conflict(AccountClosed)
        register a key 7 => no: AlreadyRegistered
        redeem a key 8 code 9 5 => no: WrongPin { attempts_left: 4 }
        journal a => registered login closed auth_failed
        sessions => 1 AccountClosed, 2 open",
    ),
    (
        "nothing is done to an account that is not there",
        "block z debit => NotFound
        reset z code 9 => NotFound
        close z => NotFound
        audits => 1 refused: not found, 2 refused: not found, 3 refused: not found",
    ),
];

const CODES: &[(&str, &str)] = &[
    (
        "a code gives a PIN, once; sessions end and wrong PINs are forgotten",
        "login a
        guess a
        reset a code 9 => changed true, active, ended 0, bars []
        guesses a => 0 tried, 0 wrong
        deposit 1 => deposit 10000
        guess a
        redeem a key 5 code 9 6 => pin_changed 10000
        deposit 1 => ended: PinReset
        guesses a => 0 tried, 0 wrong
        redeem a key 5 code 9 6 => pin_changed 10000, again
        redeem a key 5 code 9 7 => no: KeyConflict
        redeem a key 6 code 9 6 => no: WrongPin { attempts_left: 4 }
        right a salt 1 => busy 100
        right a salt 6 => session 2.1, took 0, after 1
        journal a => registered login auth_failed deposit auth_failed pin_changed auth_failed login",
    ),
    (
        "what is wrong is told as a wrong PIN, and counts as one",
        "rule attempts 2
        redeem a key 5 code 9 6 => no: WrongPin { attempts_left: 1 }
        reset a code 9
        redeem a key 6 code 8 6 => no: WrongPin { attempts_left: 1 }
        guess a => no: Blacklisted { until: None }
        redeem a key 7 code 9 6 => no: Blacklisted { until: None }
        redeem z key 8 code 9 6 => stranger
        unblock a asked
        redeem a key 7 code 9 6 => pin_changed 0",
    ),
    (
        "a code has its time",
        "reset a code 9
        wait 999
        redeem a key 5 code 8 6 => no: WrongPin { attempts_left: 4 }
        wait 1
        redeem a key 6 code 9 6 => no: WrongPin { attempts_left: 3 }
        right a => session 1.1, took 0, after 2",
    ),
    (
        "a weak PIN leaves the code as it was",
        "reset a code 9
        redeem a key 5 code 9 0 => no: WeakPin(Run)
        guesses a => 0 tried, 0 wrong
        redeem a key 5 code 9 6 => pin_changed 0",
    ),
    (
        "a newer code takes the place of the one before",
        "reset a code 9
        reset a code 8 => changed true, active, ended 0, bars []
        redeem a key 5 code 9 6 => no: WrongPin { attempts_left: 4 }
        redeem a key 6 code 8 6 => pin_changed 0",
    ),
    (
        "who changes the PIN needs no code any more",
        "login a
        reset a code 9
        change 1 key 4 right 7 => pin_changed 0
        redeem a key 5 code 9 6 => no: WrongPin { attempts_left: 4 }",
    ),
    (
        "a code for a number on the blacklist is of no use yet",
        "list a stolen
        reset a code 9 => changed true, active, ended 0, bars [blacklisted]
        redeem a key 5 code 9 6 => no: Blacklisted { until: None }
        unlist a found
        redeem a key 5 code 9 6 => pin_changed 0",
    ),
    (
        "an account that the bank opens has no PIN until its code is used",
        "open z code 9 => changed true, active, ended 0, bars []
        open z code 8 => changed false, active, ended 0, bars []
        open a code 8 => changed false, active, ended 0, bars []
        redeem z key 5 code 8 6 => no: WrongPin { attempts_left: 4 }
        redeem z key 6 code 9 6 => pin_changed 0
        right z salt 6 => session 1.1, took 0, after 0
        journal z => registered auth_failed pin_changed login",
    ),
    (
        "no account is opened for a number on the blacklist",
        "list z stolen
        open z code 9 => Conflict(Blacklisted)",
    ),
];

const IMPORTS: &[(&str, &str)] = &[(
    "a list is put on the blacklist as one after the other would be, and a repeat changes nothing",
    "login a
    import a z stolen => 2 of 2, 1 unknown, ended 1
    deposit 1 => no: Blacklisted { until: None }
    import a z stolen => 0 of 2, 1 unknown, ended 0
    import a b stolen => 1 of 2, 0 unknown, ended 0
    import b z lost => 2 of 2, 1 unknown, ended 0
    audits => 1 done: 2 of 2 rows, 2 unchanged, 3 done: 1 of 2 rows, 4 done: 2 of 2 rows
    events => Added Added Added Added Added
    journal a => registered login blacklisted",
)];

#[test]
fn accounts_are_blocked_and_closed() {
    check(STATES);
}

#[test]
fn one_time_codes_give_a_pin() {
    check(CODES);
}

#[test]
fn lists_are_imported() {
    check(IMPORTS);
}
