//! A notice on the person's desktop, where there is one: by `notify-send` (libnotify), on macOS by `osascript`.
//!
//! Words go to those programs as arguments of their own, never into a script. Nothing secret is ever in them. Called by
//! whoever announces that something will need its person.

use std::ffi::OsString;
use std::time::Duration;

use super::environment::OF_THE_DESKTOP;
use super::process::{Run, Seat};
use super::{Environment, Processes};

/// Shows a notice; `false` where none could be shown, as on a machine without a desktop.
pub async fn show(processes: &dyn Processes, environment: &Environment, title: &str, text: &str) -> bool {
    let passed = OF_THE_DESKTOP.iter().filter_map(|name| Some((*name, environment.raw(name)?)));
    let run = Run {
        argv: command(title, text, cfg!(target_vendor = "apple")),
        input: None,
        environment: passed.collect(),
        time_limit: LIMIT,
        output_limit: 4096,
        seat: Seat::Background,
    };
    processes.run(run).await.is_ok_and(|ran| ran.code == Some(0))
}

/// A notification service that does not answer is not worth more.
const LIMIT: Duration = Duration::from_secs(5);

fn command(title: &str, text: &str, apple: bool) -> Vec<OsString> {
    const SHOW: &str = "display notification (item 2 of argv) with title (item 1 of argv)";
    let words: &[&str] = match apple {
        true => &["osascript", "-e", "on run argv", "-e", SHOW, "-e", "end run", title, text],
        false => &["notify-send", "--app-name=Credenza", "--", title, text],
    };
    words.iter().map(OsString::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_arguments_of_their_own() {
        let text = "\"; do shell script \"rm";
        for apple in [false, true] {
            let words = command("--title", text, apple);
            assert_eq!(words.last().and_then(|word| word.to_str()), Some(text));
            assert_eq!(words.iter().filter(|word| word.to_string_lossy().contains("do shell")).count(), 1);
        }
    }
}
