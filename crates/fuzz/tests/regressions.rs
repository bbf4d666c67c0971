//! Every seed, and everything that `make fuzz` ever found, with the ordinary tests.

use patchbay_fuzz::{TARGETS, Target, seeds::seeds};
use std::{fs, panic, path::Path};

fn check(target: &Target, name: &str, input: &[u8]) {
    let holds = panic::catch_unwind(|| (target.check)(input)).is_ok();
    assert!(holds, "{} fails on {name}: {:?}", target.name, String::from_utf8_lossy(input));
}

#[test]
fn every_seed_has_the_properties() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/specs/stripe-fixtures3.json");
    let examples = fs::read(&path).ok().map(|text| serde_json::from_slice(&text).unwrap());
    if examples.is_none() {
        eprintln!("SKIPPED Stripe's example objects as seeds: stripe-fixtures3.json is not at hand");
    }
    for target in &TARGETS {
        let seeds = seeds(target.name, examples.as_ref());
        assert!(seeds.len() >= 5, "{} has few seeds", target.name);
        for (index, seed) in seeds.iter().enumerate() {
            check(target, &format!("seed {index}"), seed);
        }
    }
}

#[test]
fn what_was_found_once_is_not_found_again() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    for entry in fs::read_dir(&folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let target = TARGETS.iter().find(|target| target.name == name).unwrap_or_else(|| panic!("no target {name}"));
        for file in fs::read_dir(entry.path()).unwrap() {
            let path = file.unwrap().path();
            check(target, &path.display().to_string(), &fs::read(&path).unwrap());
        }
    }
}
