//! `stages NAME COUNT` does the work of one step of the path COUNT times; `stages` alone lists them and the machine.
//!
//! What is made ready for a stage does not depend on COUNT: the instructions of two runs differ by those of the work.
#![forbid(unsafe_code)]

mod audio;
mod inward;
mod outward;
mod sound;

/// The audio on its way out, private to its crate and taken from its file.
#[path = "../../../rust/voicewire-net/src/outbox.rs"]
#[allow(dead_code, unreachable_pub)]
mod outbox;

/// What a cut may have swallowed, private to its crate and taken from its file.
#[path = "../../../rust/voicewire-net/src/replay.rs"]
#[allow(dead_code)]
mod replay;

/// Where the two modules above look for it.
mod settings {
    pub(crate) use voicewire_net::settings::{Limits, ReplayAudio};
}

use std::process::ExitCode;

use voicewire_audio::dot::Path;

/// What a stage does once.
type Work = Box<dyn FnMut()>;

/// A stage: its name, and what makes it ready.
type Stage = (&'static str, fn() -> Work);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let stages = || [inward::STAGES, outward::STAGES, audio::STAGES].into_iter().flatten();
    match arguments.as_slice() {
        [] => {
            println!("{} {}", std::env::consts::ARCH, Path::best().name());
            stages().for_each(|(name, _)| println!("{name}"));
            ExitCode::SUCCESS
        }
        [wanted, count] => match (stages().find(|(name, _)| name == wanted), count.parse()) {
            (Some((_, ready)), Ok(count)) => {
                run(ready(), count);
                ExitCode::SUCCESS
            }
            _ => refuse(&format!("no such stage, or no count: {wanted} {count}")),
        },
        _ => refuse("usage: stages [NAME COUNT]"),
    }
}

fn run(mut work: Work, count: u32) {
    (0..count).for_each(|_| work());
}

fn refuse(problem: &str) -> ExitCode {
    eprintln!("{problem}");
    ExitCode::from(2)
}
