//! Simulates the whole system from a seed: `cargo run --release --example simulate -- --seed 1 --steps 100000`.
//! See docs/architecture.md.
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[path = "../tests/simulation/mod.rs"]
mod simulation;

use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use simulation::{Options, SEED, run};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How often it says how far it is.
const PACE: Duration = Duration::from_secs(60);

const USAGE: &str = "usage: simulate [--seed N] [--steps N] [--real] [--trace]";

fn options() -> Result<(Options, Option<tempfile::TempDir>), String> {
    let mut options = Options::new(1, 100_000);
    let mut folder = None;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut number = || {
            let text = args.next().ok_or(USAGE)?;
            text.parse::<u64>()
                .map_err(|error| format!("`{text}`: {error}"))
        };
        match arg.as_str() {
            "--seed" => options.seed = number()?,
            "--steps" => options.steps = number()?,
            "--trace" => options.trace = true,
            "--real" => {
                let made = tempfile::tempdir().map_err(|error| error.to_string())?;
                options.real = Some(made.path().to_owned());
                folder = Some(made);
            }
            _ => return Err(USAGE.to_owned()),
        }
    }
    Ok((options, folder))
}

fn main() -> ExitCode {
    let (options, _folder) = match options() {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    std::panic::set_hook(Box::new(|why| {
        let seed = SEED.load(Ordering::Relaxed);
        eprintln!("{why}\nseed {seed}");
    }));
    // One world is one thread: to use all cores, simulate several seeds at once.
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .use_current_thread();
    if let Err(error) = pool.build_global() {
        eprintln!("{error}");
        return ExitCode::from(2);
    }
    let begun = Instant::now();
    let mut told = begun;
    let done = run(&options, &mut |figures| {
        if told.elapsed() >= PACE {
            let seconds = begun.elapsed().as_secs_f64();
            println!("{seconds:.0} s: {figures}");
            told = Instant::now();
        }
    });
    let seconds = begun.elapsed().as_secs_f64();
    match done {
        Ok(figures) => {
            println!("{seconds:.1} s from seed {}: {figures}", options.seed);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{failure}");
            eprintln!(
                "again: cargo run --release --example simulate -- --seed {} --steps 1",
                failure.seed
            );
            ExitCode::FAILURE
        }
    }
}
