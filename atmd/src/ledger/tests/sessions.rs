//! Log-ins, sessions, PINs and what operators do about them, as scripts: `command => answer`.
//!
//! [`Stage::run`] says what the commands do.

use super::stage::Stage;
use super::{Bank, number, operate};
use crate::ledger::request::{Answer, OperatorAct};

const TAKE_OVER: &[(&str, &str)] = &[
    (
        "one session: the newer log-in takes over",
        "login a => session 1.1, took 0, after 0
        login b => session 2.1, took 0, after 0
        login a => session 3.1, took 1, after 0
        deposit 1 => ended: TakenOver
        deposit 2 => deposit 10000
        deposit 3 => deposit 10000
        sessions => 1 TakenOver, 2 open, 3 open
        journal a => registered login login deposit",
    ),
    (
        "two sessions: the oldest one goes",
        "rule sessions 2
        login a => session 1.1, took 0, after 0
        login a => session 2.1, took 0, after 0
        deposit 1 => deposit 10000
        login a => session 3.1, took 1, after 0
        deposit 1 => ended: TakenOver
        deposit 2 => deposit 20000
        deposit 3 => deposit 30000",
    ),
    (
        "fewer sessions than before: all above the bound go",
        "rule sessions 2
        login a
        login a
        rule sessions 1
        login a => session 3.1, took 2, after 0
        sessions => 1 TakenOver, 2 TakenOver, 3 open",
    ),
    (
        "what slept is not counted as taken over",
        "login a
        wait 150001
        login a => session 2.1, took 0, after 0
        deposit 1 => ended: Idle
        wait 150000
        login a => session 3.1, took 1, after 0
        sessions => 1 Idle, 2 TakenOver, 3 open",
    ),
];

const RESUME_AND_LIMITS: &[(&str, &str)] = &[
    (
        "the session moves, and the old connection loses it",
        "login a => session 1.1, took 0, after 0
        resume 1 => session 1.2, took 0, after 0
        deposit 1 => ended: ResumedElsewhere
        exit 1 => ended: ResumedElsewhere
        deposit 2 => deposit 10000
        resume 1 => session 1.3, took 0, after 0
        deposit 2 => ended: ResumedElsewhere
        deposit 3 => deposit 20000
        journal a => registered login deposit deposit",
    ),
    (
        "a session that slept too long is not resumed",
        "login a
        wait 150001
        resume 1 => ended: Idle
        sessions => 1 Idle
        deposit 1 => ended: Idle",
    ),
    (
        "a sign of life keeps it awake, and so does resuming",
        "login a
        wait 100000
        touch 1
        wait 150000
        resume 1 => session 1.2, took 0, after 0
        wait 150000
        resume 1 => session 1.3, took 0, after 0
        wait 150001
        resume 1 => ended: Idle",
    ),
    (
        "the first reason to end stays, and nothing wakes the dead",
        "login a
        end 1 idle
        end 1 toolong
        touch 1
        deposit 1 => ended: Idle
        resume 1 => ended: Idle
        exit 1 => ended: Idle",
    ),
    (
        "no session is longer than the bound",
        "login a
        wait 600000
        deposit 1 => deposit 10000
        wait 1
        deposit 1 => ended: TooLong
        sessions => 1 TooLong
        resume 1 => ended: TooLong
        login a => session 2.1, took 0, after 0",
    ),
    (
        "resuming does not make it longer",
        "login a
        wait 150000
        resume 1
        wait 150000
        resume 1
        wait 150000
        resume 1
        wait 150000
        resume 1
        wait 1
        resume 1 => ended: TooLong",
    ),
    (
        "exit",
        "login a
        exit 1 => done
        deposit 1 => ended: Exited
        resume 1 => ended: Exited
        exit 1 => ended: Exited
        journal a => registered login exit",
    ),
    (
        "what was done is found again from a later session, under its key",
        "login a
        deposit 1 key 5 => deposit 10000
        exit 1
        deposit 1 key 5 => deposit 10000, again
        login a
        deposit 2 => deposit 20000
        deposit 2 key 5 => deposit 10000, again
        journal a => registered login deposit exit login deposit",
    ),
];

const ATTEMPTS: &[(&str, &str)] = &[
    (
        "the last wrong PIN blacklists for good and ends the session",
        "login a
        guess a => no: WrongPin { attempts_left: 4 }
        guess a => no: WrongPin { attempts_left: 3 }
        guess a => no: WrongPin { attempts_left: 2 }
        guess a => no: WrongPin { attempts_left: 1 }
        guess a => no: Blacklisted { until: None }
        deposit 1 => no: Blacklisted { until: None }
        wait 31536000000
        begin a => no: Blacklisted { until: None }
        sessions => 1 Blacklisted
        journal a => registered login auth_failed auth_failed auth_failed auth_failed auth_failed blacklisted
        unlist a mistake => changed true, listed false, ended 0, cleared 5
        login a => session 2.1, took 0, after 0",
    ),
    (
        "a lock-out for a time expires, and the count with it",
        "rule lockout 60000
        rule attempts 2
        guess a => no: WrongPin { attempts_left: 1 }
        guess a => no: Blacklisted { until: Some(Timestamp(1060000)) }
        guesses a => 2 tried, 2 wrong
        wait 59999
        begin a => no: Blacklisted { until: Some(Timestamp(1060000)) }
        wait 1
        begin a => verify
        guesses a => 1 tried, 0 wrong
        events => Added Expired
        right a => session 1.1, took 0, after 0
        journal a => registered auth_failed auth_failed blacklisted unblacklisted login",
    ),
    (
        "parallel right PINs blacklist nobody",
        "begin a => verify
        begin a => verify
        begin a => verify
        begin a => verify
        begin a => verify
        begin a => busy 1000
        right a => session 1.1, took 0, after 0
        right a => session 2.1, took 1, after 0
        right a => session 3.1, took 1, after 0
        right a => session 4.1, took 1, after 0
        right a => session 5.1, took 1, after 0
        guesses a => 0 tried, 0 wrong
        events =>
        begin a => verify",
    ),
    (
        "a right PIN forgets the wrong ones before it, and says how many",
        "begin a
        begin a
        begin a
        begin a
        begin a
        wrong a => no: WrongPin { attempts_left: 4 }
        wrong a => no: WrongPin { attempts_left: 3 }
        wrong a => no: WrongPin { attempts_left: 2 }
        wrong a => no: WrongPin { attempts_left: 1 }
        right a => session 1.1, took 0, after 4
        login a => session 2.1, took 1, after 0
        guess a => no: WrongPin { attempts_left: 4 }",
    ),
    (
        "attempts that a crash cut off are given back, wrong PINs are not",
        "guess a => no: WrongPin { attempts_left: 4 }
        begin a
        begin a
        begin a
        begin a => verify
        begin a => busy 1000
        wait 60000
        begin a => busy 1000
        guesses a => 5 tried, 1 wrong
        wait 1
        begin a => verify
        guesses a => 2 tried, 1 wrong
        events =>",
    ),
    (
        "a number that is put on the blacklist meanwhile is not let in, right or wrong",
        "begin a
        begin a
        list a stolen => changed true, listed true, ended 0, cleared 0
        right a => no: Blacklisted { until: None }
        wrong a => no: Blacklisted { until: None }
        journal a => registered blacklisted",
    ),
    (
        "a PIN that was changed meanwhile is verified anew",
        "begin a
        login a
        change 1 key 7 right 4 => pin_changed 0
        right a salt 1 => busy 100
        right a salt 4 => session 2.1, took 1, after 0",
    ),
    (
        "a rehashed PIN is the same PIN with another salt",
        "rehash a 8 => session 1.1, took 0, after 0
        right a salt 1 => busy 100
        right a salt 8 => session 2.1, took 1, after 0",
    ),
];

const CHANGES_OF_PIN: &[(&str, &str)] = &[
    (
        "a wrong PIN counts as at log-in, once a key",
        "login a
        change 1 key 5 wrong 4 => no: WrongPin { attempts_left: 4 }
        change 1 key 5 wrong 4 => no: WrongPin { attempts_left: 4 }
        guesses a => 1 tried, 1 wrong
        guess a => no: WrongPin { attempts_left: 3 }
        change 1 key 6 wrong 4 => no: WrongPin { attempts_left: 2 }
        change 1 key 7 wrong 4 => no: WrongPin { attempts_left: 1 }
        change 1 key 8 wrong 4 => no: Blacklisted { until: None }
        sessions => 1 Blacklisted
        journal a => registered login auth_failed auth_failed auth_failed auth_failed auth_failed blacklisted",
    ),
    (
        "a right PIN forgets the wrong ones, even where the new one is refused",
        "login a
        change 1 key 5 wrong 4
        change 1 key 6 right weak => no: WeakPin(Run)
        guesses a => 0 tried, 0 wrong
        change 1 key 7 wrong 4 => no: WrongPin { attempts_left: 4 }
        change 1 key 8 right same => no: SamePin
        guesses a => 0 tried, 0 wrong
        change 1 key 9 right 4 => pin_changed 0
        change 1 key 9 right 4 => pin_changed 0, again
        guesses a => 0 tried, 0 wrong
        right a salt 1 => busy 100
        journal a => registered login auth_failed auth_failed pin_changed",
    ),
];

const OPERATORS: &[(&str, &str)] = &[
    (
        "adding and removing twice changes once, and every call is audited",
        "login a
        list a stolen => changed true, listed true, ended 1, cleared 0
        list a stolen => changed false, listed true, ended 0, cleared 0
        list a lost => changed true, listed true, ended 0, cleared 0
        list a lost for 60000 => changed true, listed true, ended 0, cleared 0
        list a lost for 60000 => changed false, listed true, ended 0, cleared 0
        unlist a found => changed true, listed false, ended 0, cleared 0
        unlist a found => changed false, listed false, ended 0, cleared 0
        audits => 1 done, 2 unchanged, 3 done, 4 done, 5 unchanged, 6 done, 7 unchanged
        events => Added Added Added Removed
        journal a => registered login blacklisted unblacklisted
        deposit 1 => ended: Blacklisted
        resume 1 => ended: Blacklisted
        login a => session 2.1, took 0, after 0",
    ),
    (
        "both sessions end, the other customer's does not",
        "rule sessions 2
        login a
        login a
        login b
        list a stolen => changed true, listed true, ended 2, cleared 0
        resume 1 => no: Blacklisted { until: None }
        deposit 3 => deposit 10000
        sessions => 1 Blacklisted, 2 Blacklisted, 3 open",
    ),
    (
        "a listing for a time holds until its end and not longer",
        "login a
        list a holiday for 60000
        wait 59999
        deposit 1 => no: Blacklisted { until: Some(Timestamp(1060000)) }
        wait 1
        deposit 1 => ended: Blacklisted
        list a holiday for 60000 => changed true, listed true, ended 0, cleared 0",
    ),
    (
        "what is refused leaves its row and nothing else",
        "refuse => forbidden: BlacklistWrite
        audits => 1 refused: not allowed: needs blacklist:write
        events =>",
    ),
    (
        "removing forgets wrong PINs of a number that is not listed",
        "guess a
        guess a
        unlist a helped => changed true, listed false, ended 0, cleared 2
        unlist a helped => changed false, listed false, ended 0, cleared 0
        guesses a => 0 tried, 0 wrong
        audits => 1 done, 2 unchanged
        events =>",
    ),
    (
        "an operator's listing stays as it is when the last wrong PIN comes",
        "rule attempts 1
        begin a
        list a holiday for 60000
        wrong a => no: Blacklisted { until: Some(Timestamp(1060000)) }
        events => Added
        wait 60000
        begin a => verify
        guesses a => 1 tried, 0 wrong",
    ),
    (
        "a number without an account can be listed, and is barred from registering",
        "begin z => stranger
        wrong z => NotFound
        list z fraud => changed true, listed true, ended 0, cleared 0
        begin z => no: Blacklisted { until: None }
        register z key 5 => no: Blacklisted { until: None }
        unlist z mistake => changed true, listed false, ended 0, cleared 0
        register z key 5 => no: Blacklisted { until: None }
        register z key 6 => registered 0
        login z => session 1.1, took 0, after 0
        journal z => blacklisted unblacklisted registered login",
    ),
    (
        "once its time is over it registers, and the history says so at the first log-in",
        "list z fraud for 60000
        wait 60000
        register z key 5 => registered 0
        login z => session 1.1, took 0, after 0
        events => Added Expired",
    ),
];

const KEYS: &[(&str, &str)] = &[
    (
        "what became of a key is told to its owner only",
        "login a
        login b
        deposit 1 key 5
        change 1 key 6 right weak
        outcome 1 key 5 => was deposit 10000
        outcome 1 key 6 => was no: WeakPin(Run)
        outcome 2 key 5 => no: KeyConflict
        outcome 2 key 6 => no: KeyConflict
        deposit 2 key 5 => no: KeyConflict
        journal b => registered login",
    ),
    (
        "a key that nothing used is closed by asking, and a late copy does nothing",
        "login a
        outcome 1 key 5 => was not applied
        deposit 1 key 5 => no: KeyClosed
        outcome 1 key 5 => was not applied
        journal a => registered login",
    ),
    (
        "a session that ended closes no key",
        "login a
        exit 1
        outcome 1 key 5 => ended: Exited
        login a
        deposit 2 key 5 => deposit 10000",
    ),
];

pub(super) fn check(table: &[(&str, &str)]) {
    for (name, script) in table {
        let mut stage = Stage::set();
        for line in script.lines().map(str::trim) {
            let (command, expected) = match line.split_once("=>") {
                Some((command, expected)) => (command.trim(), Some(expected.trim())),
                None => (line, None),
            };
            let words: Vec<&str> = command.split(' ').collect();
            let found = stage.run(&words);
            if let Some(expected) = expected {
                assert_eq!(found, expected, "{name}: {command}");
            }
        }
    }
}

#[test]
fn a_log_in_takes_over() {
    check(TAKE_OVER);
}

#[test]
fn sessions_resume_and_end() {
    check(RESUME_AND_LIMITS);
}

#[test]
fn attempts_are_counted() {
    check(ATTEMPTS);
}

#[test]
fn pins_change() {
    check(CHANGES_OF_PIN);
}

#[test]
fn operators_list_and_unlist() {
    check(OPERATORS);
}

#[test]
fn keys_are_asked_about() {
    check(KEYS);
}

#[test]
fn numbers_are_shown_to_whom_they_may_be() {
    for (masked, expected) in [(true, "******4001"), (false, "0801234001")] {
        let mut bank = Bank::open();
        let number = number(1);
        let add = OperatorAct::BlacklistAdd { number, reason: "stolen".into(), until: None, masked };
        let remove = OperatorAct::BlacklistRemove { number, reason: "found".into(), masked };
        for act in [add, remove] {
            let Ok(Answer::Blacklist(change)) = bank.ask(&operate(act)) else { panic!("no change") };
            assert_eq!(change.number, expected);
        }
    }
}
