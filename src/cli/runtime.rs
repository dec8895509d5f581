//! What commands start before they do anything: the log, and the runtime that waits for them.

use std::ffi::OsString;
use std::future::Future;
use std::io::IsTerminal as _;

use tracing::level_filters::LevelFilter;

use super::{Context, Globals, LogFormat, LogLevel, Trouble, say};
use crate::app::logging::{LogOptions, start_log};
use crate::world::child::{self, Ended};
use crate::world::system;
use crate::world::told_to_end::Told;

/// Runs something to its end on a runtime of one thread: enough for everything but the daemon.
pub fn wait_for<T>(work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    block_on(tokio::runtime::Builder::new_current_thread(), work)
}

/// The same of what may ask a person something: a signal that tells us to end takes it back, so that the terminal is as it was
/// and what it began has ended, and only then ends us.
pub fn wait_for_a_person(what: &str, work: impl Future<Output = Result<u8, Trouble>>) -> Result<u8, Trouble> {
    let done = wait_for(async {
        let mut told = Told::listening().map_err(|error| Trouble::failed(what, error.to_string()))?;
        tokio::select! {
            biased;
            signal = told.next() => Ok(Err(signal)),
            code = work => code.map(Ok),
        }
    })?;
    Ok(done.unwrap_or_else(|signal| child::end_like(Ended::Signal(signal))))
}

/// The same on a runtime with a thread for each processor.
pub fn wait_with_many<T>(work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    block_on(tokio::runtime::Builder::new_multi_thread(), work)
}

fn block_on<T>(
    mut builder: tokio::runtime::Builder,
    work: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Trouble> {
    let runtime = builder.enable_all().build();
    let runtime = runtime.map_err(|error| Trouble::failed("cannot begin", error.to_string()))?;
    let result = runtime.block_on(work);
    // a look-up of a name that hangs is not waited for
    runtime.shutdown_background();
    result
}

/// Begins a command that says by itself what fails: nothing is logged before [`log_what_follows`], unless a log was asked
/// for.
pub fn begin(context: &Context) -> Result<(), Trouble> {
    if log_is_asked_for(context) {
        log_to_stderr(context, LevelFilter::ERROR)?;
    }
    Ok(())
}

/// Says what a log would have said, where there is none yet: warnings are given once, and nobody repeats them.
pub fn say_unlogged(context: &Context, notes: &[String]) {
    if !log_is_asked_for(context) {
        notes.iter().for_each(|note| say::err(&format!("credenza: {note}\n")));
    }
}

/// Lets a process that serves hold as many connections as its listener takes. Not worth not starting for.
pub fn raise_file_limit() -> std::io::Result<u64> {
    system::raise_file_limit(FILES)
}

/// The server's 12,000 connections, 512 at each of sixteen other listeners, and room for everything else.
const FILES: u64 = 32_768;

/// Logs what happens from now on, if nothing is logged yet. Where a person sits at stderr, a command owns the screen by
/// now, and only what the person must act on is worth disturbing it.
pub fn log_what_follows(context: &Context) -> Result<(), Trouble> {
    if log_is_asked_for(context) {
        return Ok(());
    }
    let somebody = std::io::stderr().is_terminal();
    log_to_stderr(context, if somebody { LevelFilter::ERROR } else { LevelFilter::WARN })
}

fn log_is_asked_for(context: &Context) -> bool {
    level(&context.globals).is_some() || context.world.environment.text("CREDENZA_LOG").is_some()
}

/// Starts the log of a command that logs to stderr.
pub fn log_to_stderr(context: &Context, default: LevelFilter) -> Result<(), Trouble> {
    log(context, default, false)
}

/// Starts the log of a daemon in the background.
pub fn log_to_file(context: &Context, default: LevelFilter) -> Result<(), Trouble> {
    log(context, default, true)
}

fn log(context: &Context, default: LevelFilter, to_file: bool) -> Result<(), Trouble> {
    let Globals { log_format, .. } = context.globals;
    let json = log_format == Some(LogFormat::Json);
    let options = LogOptions { json, level: level(&context.globals), default, to_file };
    start_log(&context.world, options).map_err(|error| Trouble::of_app("cannot keep a log", &error))
}

fn level(globals: &Globals) -> Option<LevelFilter> {
    match (globals.log_level, globals.verbose) {
        (Some(LogLevel::Error), _) => Some(LevelFilter::ERROR),
        (Some(LogLevel::Warn), _) => Some(LevelFilter::WARN),
        (Some(LogLevel::Info), _) | (None, 1) => Some(LevelFilter::INFO),
        (Some(LogLevel::Debug), _) | (None, 2..) => Some(LevelFilter::DEBUG),
        (None, 0) => None,
    }
}

/// The log's flags once more, for a daemon that this command starts.
pub fn log_arguments(globals: &Globals) -> Vec<OsString> {
    let format = globals.log_format.map(|format| match format {
        LogFormat::Human => "--log-format=human",
        LogFormat::Json => "--log-format=json",
    });
    let level = level(globals).map(|level| format!("--log-level={level}"));
    format.map(OsString::from).into_iter().chain(level.map(OsString::from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_gets_the_flags_that_its_starter_was_given() {
        let arguments = |globals: Globals| log_arguments(&globals).into_iter().map(|word| word.into_string().unwrap());
        assert_eq!(arguments(Globals::default()).count(), 0);
        let globals = Globals { log_format: Some(LogFormat::Json), verbose: 2, ..Globals::default() };
        assert!(arguments(globals).eq(["--log-format=json", "--log-level=debug"]));
        let globals = Globals { log_level: Some(LogLevel::Error), ..Globals::default() };
        assert!(arguments(globals).eq(["--log-level=error"]));
    }
}
