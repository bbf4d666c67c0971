//! The assets that are there from the start, and the ones that traffic makes.

use super::{
    model::{Asset, Input, Meta, NewAsset, Origin, Status},
    state::State,
};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};

const TITLES: [&str; 24] = [
    "Welcome to Northwind",
    "Quarterly results, explained",
    "How to pack a fragile order",
    "Warehouse tour",
    "Product update: autumn",
    "Onboarding, part 1: first steps",
    "Onboarding, part 2: your team",
    "Onboarding, part 3: billing",
    "Customer story: Umbra Labs",
    "Interview with the founder",
    "Keynote, recorded live",
    "Safety briefing",
    "Returns in three minutes",
    "Behind the scenes",
    "Webinar: planning for peak season",
    "Roadmap for next year",
    "Trailer, short cut",
    "Trailer, long cut",
    "Support: resetting a password",
    "Support: changing your plan",
    "Support: reading an invoice",
    "Town hall, questions and answers",
    "Drone footage, unedited",
    "Timelapse of the new office",
];
const SAMPLES: [&str; 6] = [
    "Screen recording",
    "Weekly stand-up",
    "Demo for a customer",
    "Voice-over, take 2",
    "Clip for social media",
    "Training session",
];
const FAULTS: [&str; 2] = [
    "The file does not have a video track, or it uses a codec that is not supported.",
    "The download of the input file failed: the server answered with 404.",
];
const SIZES: [(i64, i64); 5] = [(1920, 1080), (1280, 720), (3840, 2160), (1080, 1920), (1280, 544)];
const RATES: [f64; 4] = [23.976, 25.0, 29.97, 60.0];
const QUALITIES: [&str; 3] = ["basic", "plus", "premium"];
const DAY: i64 = 86_400 * 1_000_000;
/// Which of the seed's assets have failed, are in preparation, or need a signed address.
const ERRORED: [usize; 3] = [6, 14, 19];
const PREPARING: [usize; 3] = [21, 22, 23];
const SIGNED: [usize; 3] = [3, 9, 15];

/// The same assets for the same seed; only their times go with `now` (microseconds).
pub(super) fn state(seed: u64, now: i64) -> State {
    let mut random = StdRng::seed_from_u64(seed ^ 0x6d75_7800);
    let mut state = State::empty();
    for (index, title) in TITLES.into_iter().enumerate() {
        let errored = ERRORED.contains(&index);
        let preparing = PREPARING.contains(&index);
        let (mut new, mut input) = video(&mut random, title);
        new.passthrough = Some(format!("video-{:03}", index + 1));
        input.fault = errored.then(|| FAULTS[index % FAULTS.len()].to_owned());
        if SIGNED.contains(&index) {
            new.policies = vec!["signed".to_owned()];
        }
        let back = i64::try_from(TITLES.len() - index).unwrap_or(0);
        let jitter = random.random_range(0..DAY / 2);
        let (status, progress, created_at) = if preparing {
            // Fresh uploads that get ready within the first minutes.
            input.processing_seconds = 60 + 90 * back;
            (Status::Preparing, 0, now - back * 8_000_000)
        } else if errored {
            (Status::Errored, 40, now - back * 4 * DAY + jitter)
        } else {
            (Status::Ready, 100, now - back * 4 * DAY + jitter)
        };
        let asset = Asset::new(&mut random, new, input, Origin::Address, created_at);
        state.insert(Asset { status, progress, ..asset });
    }
    state
}

/// What somebody uploads by themselves; now and then it cannot be read.
pub(super) fn sample(random: &mut impl Rng) -> (NewAsset, Input) {
    let title = SAMPLES.choose(random).copied().unwrap_or_default();
    let (new, mut input) = video(random, title);
    if random.random_ratio(1, 8) {
        input.fault = FAULTS.choose(random).map(|fault| (*fault).to_owned());
    }
    (new, input)
}

/// What is in a file that somebody names by its address. One with `fail` in it fails; `non-standard` and `warning` are told.
pub(super) fn input(random: &mut impl Rng, url: &str) -> Input {
    let (width, height) = SIZES.choose(random).copied().unwrap_or(SIZES[0]);
    Input {
        url: url.to_owned(),
        duration: f64::from(random.random_range(20_000..1_800_000)) / 1_000.0,
        width,
        height,
        frame_rate: RATES.choose(random).copied().unwrap_or(25.0),
        processing_seconds: random.random_range(15..40),
        fault: url.contains("fail").then(|| FAULTS[0].to_owned()),
        is_non_standard: url.contains("non-standard"),
        has_warning: url.contains("warning"),
    }
}

fn video(random: &mut impl Rng, title: &str) -> (NewAsset, Input) {
    let new = NewAsset {
        meta: Meta { title: Some(title.to_owned()), ..Meta::default() },
        quality: QUALITIES.choose(random).copied().unwrap_or("basic").to_owned(),
        policies: vec!["public".to_owned()],
        ..NewAsset::default()
    };
    (new, input(random, "https://files.example.com/video.mp4"))
}
