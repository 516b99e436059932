//! Mistakes that the ledger once made.

use super::sessions::check;
use super::*;
use atm_rpc::error::Rejection;

#[test]
fn wrong_pins_between_two_resets_are_no_more_than_allowed() {
    check(&[(
        "four attempts are in flight when the customer logs in; then five more",
        "rule attempts 5
        begin a
        begin a
        begin a
        begin a
        begin a
        right a => session 1.1, took 0, after 0
        begin a
        begin a
        begin a
        begin a
        begin a
        wrong a
        wrong a
        wrong a
        wrong a
        wrong a => no: Blacklisted { until: None }
        wrong a => no: Blacklisted { until: None }
        journal a => registered login auth_failed auth_failed auth_failed auth_failed auth_failed blacklisted",
    )]);
}

#[test]
fn a_change_that_was_refused_stays_refused() {
    check(&[(
        "as a deposit does",
        "login a
        list a stolen
        deposit 1 key 5 => no: Blacklisted { until: None }
        change 1 key 6 right 4 => no: Blacklisted { until: None }
        unlist a found
        login a
        deposit 2 key 5 => no: Blacklisted { until: None }
        change 2 key 6 right 4 => no: Blacklisted { until: None }",
    )]);
}

#[test]
fn a_smaller_bound_does_not_lock_out_without_a_listing() {
    check(&[(
        "three wrong PINs of five, and then three are allowed",
        "guess a
        guess a
        guess a => no: WrongPin { attempts_left: 2 }
        rule attempts 3
        wait 86400000
        login a => session 1.1, took 0, after 3",
    )]);
}

#[test]
fn a_key_that_another_closed_is_in_conflict() {
    check(&[(
        "asked about by one, used by the other",
        "login a
        login b
        outcome 1 key 5 => was not applied
        deposit 2 key 5 => no: KeyConflict",
    )]);
}

#[test]
fn a_listing_that_ran_out_is_closed_before_the_next() {
    check(&[(
        "listed, over, listed",
        "list a holiday for 60000
        wait 60000
        list a stolen
        events => Added Expired Added
        journal a => registered blacklisted unblacklisted blacklisted",
    )]);
}

#[test]
fn a_registration_is_whole_or_nothing() {
    let mut bank = Bank::open();
    bank.rules.opening_customer = money(i64::MAX);
    bank.book.accounts.get_mut(&AccountId::EQUITY).expect("the bank's").posted = money(-2);
    let before = bank.book.clone();
    let decision = bank.ask(&registration(number(1), key(5), 1));
    assert_eq!(decision, Err(ServiceError::Rejected(Rejection::BalanceLimit)));
    assert_eq!(bank.book.accounts, before.accounts);
    assert_eq!(bank.book.changes.entries, before.changes.entries);
}

#[test]
fn a_connection_that_lost_its_session_does_not_end_it() {
    check(&[(
        "the first connection is idle after the second resumed the session",
        "login a
        resume 1
        end 1 idle
        deposit 2
        end 2 idle
        deposit 2 => ended: Idle",
    )]);
}

#[test]
fn a_new_pin_ends_the_sessions_of_the_old_one() {
    check(&[(
        "two sessions at a time, and one of them changes the PIN",
        "rule sessions 2
        login a
        login a
        change 2 key 5 right 4
        deposit 1 => ended: TakenOver
        deposit 2",
    )]);
}

#[test]
fn no_session_begins_beside_a_listing_that_ran_out() {
    check(&[(
        "listed for a time while an attempt is in flight, and over when its PIN is found right",
        "begin a
        list a holiday for 60000
        wait 60000
        right a => session 1.1, took 0, after 0
        events => Added Expired
        journal a => registered blacklisted unblacklisted login",
    )]);
}
