//! Backups that are not what atmd gave: one byte flipped wherever it is, cut off, added to, or another passphrase.

use super::{Shelf, found, row};
use atm_tests::daemon::{Atmd, Options};
use atm_tests::random::Random;
use serde_json::{Value, json};
use std::fs;

/// Bytes that are flipped, one at a time.
const FLIPS: u64 = 24;

/// Writes a damaged copy, and looks whether all commands see it.
fn is_found(shelf: &Shelf, atmd: &Atmd, bytes: &[u8], what: &str) -> Value {
    fs::write(shelf.path("damaged"), bytes).unwrap();
    let outside = found(shelf.verify(atmd, "damaged", &[]));
    assert_eq!(outside["whole"], json!(false), "{what}: {outside}");
    assert!(outside["wrong"].as_str().is_some_and(|wrong| wrong.len() > 10), "{what}: {outside}");
    outside
}

#[test]
fn every_damage_is_found_and_nothing_is_made_of_it() {
    let (atmd, shelf) = (Atmd::start(&Options::default()), Shelf::new());
    let _ = row(shelf.create(&atmd, "good"));
    let good = fs::read(shelf.path("good")).unwrap();
    let mut random = Random::new(7);
    let into = shelf.path("into");
    fs::create_dir(&into).unwrap();
    let length = u64::try_from(good.len()).unwrap();
    // The first bytes, the head, and the end are few among many.
    let named = [0, 13, 16, 17, 200, length - 33, length - 32, length - 1];
    let somewhere: Vec<u64> = (0..FLIPS).map(|_| random.below(length)).collect();
    for (n, place) in named.into_iter().chain(somewhere).enumerate() {
        let mut bytes = good.clone();
        bytes[usize::try_from(place).unwrap()] ^= 1 << random.below(8);
        let what = format!("byte {place} of {length}");
        is_found(&shelf, &atmd, &bytes, &what);
        if n % 4 == 0 {
            let inside = found(shelf.verify_inside(&atmd, "damaged"));
            assert_eq!(inside["whole"], json!(false), "{what}");
            let refused = shelf.restore(&atmd, "damaged", &into).coded(1);
            assert!(refused.stderr.contains("is not restored"), "{what}: {refused}");
            assert_eq!(fs::read_dir(&into).unwrap().count(), 0, "{what}");
        }
    }
    for (bytes, told) in [
        (&good[..good.len() - 1], "cut off"),
        (&good[..good.len() / 2], "cut off"),
        (&good[..40], "cut off"),
        (&good[..10], "too short"),
        (&[], "too short"),
        (&[good.as_slice(), b"x"].concat(), "added"),
        (&[good.as_slice(), &good].concat(), "added"),
    ] {
        let found = is_found(&shelf, &atmd, bytes, told);
        assert!(found["wrong"].as_str().unwrap().contains(told), "{told}: {found}");
    }
}

/// Who can make the digest at the end anew does not have the passphrase.
#[test]
fn what_was_changed_on_purpose_is_found_with_the_passphrase() {
    let (atmd, shelf) = (Atmd::start(&Options::default()), Shelf::new());
    let _ = row(shelf.create(&atmd, "good"));
    let mut bytes = fs::read(shelf.path("good")).unwrap();
    let body = bytes.len() - 32;
    let check = |bytes: &[u8]| {
        let forged = [bytes, blake3::hash(bytes).as_bytes()].concat();
        fs::write(shelf.path("forged"), forged).unwrap();
        let _ = row(shelf.verify(&atmd, "forged", &[]));
        let found = found(shelf.verify_inside(&atmd, "forged"));
        assert!(found["wrong"].as_str().unwrap().contains("passphrase"), "{found}");
    };
    bytes[body - 1_000] ^= 1;
    check(&bytes[..body]);
    bytes[body - 1_000] ^= 1;
    // Words of the head are bound to the body.
    let word = b"\"last_seq\":";
    let place = bytes.windows(word.len()).position(|window| window == word).unwrap() + word.len();
    bytes[place] = if bytes[place] == b'9' { b'8' } else { bytes[place] + 1 };
    check(&bytes[..body]);
}

#[test]
fn another_passphrase_opens_nothing() {
    let (atmd, shelf) = (Atmd::start(&Options::default()), Shelf::new());
    let _ = row(shelf.create(&atmd, "good"));
    fs::write(shelf.path("other"), "another horse battery staple\n").unwrap();
    let other = shelf.text("other");
    let found = shelf.verify(&atmd, "good", &["--passphrase-file", &other]).coded(3);
    assert!(found.stdout.contains("the passphrase is not the one"), "{found}");
    let into = shelf.path("into");
    fs::create_dir(&into).unwrap();
    let (file, folder) = (shelf.text("good"), shelf.text("into"));
    let line = ["backup", "restore", &file, "--into", &folder, "--passphrase-file", &other];
    let refused = atmd.ctl(&line).coded(1);
    assert!(refused.stderr.contains("the passphrase is not the one"), "{refused}");
    assert_eq!(fs::read_dir(&into).unwrap().count(), 0);
    // Nothing of the bank can be read without it.
    let text = String::from_utf8_lossy(&fs::read(shelf.path("good")).unwrap()).into_owned();
    assert!(!text.contains("SQLite format 3") && !text.contains("PRIVATE KEY"), "it is not encrypted");
}
