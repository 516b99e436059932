//! All inputs that are kept for fuzzing hold what they should, those that once broke something above all.

use atm_tests::hostile::CHECKS;
use atm_tests::programs;
use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

fn inputs(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn names(folder: &Path) -> BTreeSet<String> {
    inputs(folder).iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn every_input_that_is_kept_holds() {
    let fuzz = programs::root().join("fuzz");
    let mut broken = Vec::new();
    for (name, check) in CHECKS {
        let seeds = inputs(&fuzz.join("corpus").join(name));
        assert!(seeds.len() >= 5, "{name} has {} seeds", seeds.len());
        for input in seeds.into_iter().chain(inputs(&fuzz.join("regressions").join(name))) {
            let bytes = fs::read(&input).unwrap();
            if catch_unwind(|| check(&bytes)).is_err() {
                broken.push(input);
            }
        }
    }
    assert!(broken.is_empty(), "what each of them breaks stands above: {broken:?}");
}

#[test]
fn every_check_has_its_program_and_its_seeds() {
    let fuzz = programs::root().join("fuzz");
    let checks: BTreeSet<String> = CHECKS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&fuzz.join("targets")), checks);
    assert_eq!(names(&fuzz.join("corpus")), checks);
    assert!(names(&fuzz.join("regressions")).is_subset(&checks));
    let bytes: u64 = checks
        .iter()
        .flat_map(|name| inputs(&fuzz.join("corpus").join(name)))
        .map(|input| fs::metadata(input).unwrap().len())
        .sum();
    assert!(bytes < 200 * 1024, "the seeds have {bytes} bytes");
}
