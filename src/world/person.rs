//! The person at the terminal: is told things, is asked for a code, and has a browser opened. Never asks anything of anybody by itself.
//!
//! In the background the person is [`Nobody`]: a daemon opens no browser and talks to no terminal. Commands that may involve
//! a person put a [`Terminal`] into their World. Called by what begins a sign-in.
//!
//! Opening a browser is code of ours rather than the crate `webbrowser`: that one brings `url`, with it `idna` and the
//! Unicode tables of ICU, into a program whose size is limited, for what is a `PATH` look-up and a fork here.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::system::{ChildStart, Group, Signals};
use super::{BoxFuture, Environment, terminal};
use crate::secret::Secret;

/// Whoever can be told something and can sign in.
pub trait Person: Send + Sync {
    /// Whether somebody is there who reads what is told, and may be asked to do something once more.
    fn is_there(&self) -> bool;

    /// Tells one line, such as `the code is ABCD-EFGH`. Control characters in it, which may come from an upstream, are not
    /// shown.
    fn tell(&self, line: &str);

    /// Whether a browser can be opened here that shows itself to the person and reaches our loopback: see
    /// [`can_open_browser`].
    fn has_browser(&self) -> bool;

    /// Opens an address, `https://...` (or `http://...`), in the person's browser. Takes no longer than a moment; false where
    /// none could be opened, as far as that shows within it.
    fn open(&self, url: &str) -> BoxFuture<'static, bool>;

    /// Asks for something secret, such as `One-time code of ada: `. What is typed is not shown. `None`: nobody is there, or
    /// they gave nothing. Waits as long as they need; dropped, it asks no more.
    fn ask_code(&self, question: &str) -> BoxFuture<'static, Option<Secret>>;
}

/// No person at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

impl Person for Nobody {
    fn is_there(&self) -> bool {
        false
    }

    fn tell(&self, _: &str) {}

    fn has_browser(&self) -> bool {
        false
    }

    fn open(&self, _: &str) -> BoxFuture<'static, bool> {
        Box::pin(async { false })
    }

    fn ask_code(&self, _: &str) -> BoxFuture<'static, Option<Secret>> {
        Box::pin(async { None })
    }
}

/// The person who started us: told on the standard error, with the browser of their desktop.
#[derive(Clone, Debug)]
pub struct Terminal {
    environment: Arc<Environment>,
}

impl Terminal {
    /// `environment`: the user's own, as it was outside of any child of ours. The browser gets the whole of it.
    pub fn new(environment: Arc<Environment>) -> Self {
        Self { environment }
    }
}

impl Person for Terminal {
    fn is_there(&self) -> bool {
        io::stderr().is_terminal()
    }

    fn tell(&self, line: &str) {
        let shown: String = line.chars().filter(|letter| !letter.is_control()).chain(['\n']).collect();
        // who closed their terminal is told nothing
        let _ = io::stderr().write_all(shown.as_bytes());
    }

    fn has_browser(&self) -> bool {
        can_open_browser(&self.environment, DESKTOP_IS_IN_VARIABLES, Path::exists)
    }

    fn open(&self, url: &str) -> BoxFuture<'static, bool> {
        let commands = if is_web_address(url) { openers(&self.environment, url) } else { Vec::new() };
        let environment = Arc::clone(&self.environment);
        Box::pin(async move {
            for command in commands {
                if opened(&command, &environment).await {
                    return true;
                }
            }
            false
        })
    }

    fn ask_code(&self, question: &str) -> BoxFuture<'static, Option<Secret>> {
        Box::pin(terminal::ask_unseen(question.to_owned()))
    }
}

/// Whether a browser that we open would be the person's own: not over SSH, where it would run on the other machine; not in a
/// container, whose loopback is not that of the browser; and where a desktop is found by variables
/// (`desktop_is_in_variables`: all but macOS), not without `DISPLAY` or `WAYLAND_DISPLAY`, unless `BROWSER` says what to
/// run. `exists`: whether there is a file of this path.
pub fn can_open_browser(
    environment: &Environment,
    desktop_is_in_variables: bool,
    exists: impl Fn(&Path) -> bool,
) -> bool {
    let is_set = |name: &&str| environment.text(name).is_some();
    let remote = ["SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"].iter().any(is_set);
    let contained =
        is_set(&"container") || ["/.dockerenv", "/run/.containerenv"].iter().any(|path| exists(Path::new(path)));
    let desktop = !desktop_is_in_variables || ["BROWSER", "DISPLAY", "WAYLAND_DISPLAY"].iter().any(is_set);
    !remote && !contained && desktop
}

const DESKTOP_IS_IN_VARIABLES: bool = !cfg!(target_vendor = "apple");

/// An address that an opener takes for one: neither an option nor a file.
fn is_web_address(url: &str) -> bool {
    ["https://", "http://"].iter().any(|scheme| url.starts_with(scheme))
        && !url.contains(|letter: char| letter.is_whitespace() || letter.is_control())
}

/// What to run, one after the other until one works: the commands of `BROWSER`, a list with colons in which `%s` stands for
/// the address (Python's `webbrowser`, "BROWSER"); without it, the desktop's opener.
fn openers(environment: &Environment, url: &str) -> Vec<Vec<OsString>> {
    let Some(browsers) = environment.text("BROWSER") else {
        return vec![vec![OPENER.into(), url.into()]];
    };
    let split = browsers.split(':').filter_map(shlex::split).filter(|words| !words.is_empty());
    split
        .map(|mut words| {
            if !words.iter().any(|word| word.contains("%s")) {
                words.push("%s".to_owned());
            }
            words.into_iter().map(|word| word.replace("%s", url).into()).collect()
        })
        .collect()
}

const OPENER: &str = if cfg!(target_vendor = "apple") { "open" } else { "xdg-open" };

/// Runs an opener in a session of its own, with nothing of our terminal. One that ends well, or goes on running after a
/// moment, has opened something; it is never ended by us.
async fn opened(command: &[OsString], environment: &Environment) -> bool {
    let Some((program, arguments)) = command.split_first() else { return false };
    #[allow(clippy::disallowed_methods)] // this is the place
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(environment.all());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let start = ChildStart {
        signals: Signals::AsInherited,
        group: Group::NewSession,
        only_standard_descriptors: true,
        umask: None,
    };
    start.apply(command.as_std_mut());
    let Ok(mut child) = command.spawn() else { return false };
    match timeout(MOMENT, child.wait()).await {
        Ok(Ok(status)) => status.success(),
        Ok(Err(_)) => false,
        Err(_) => true,
    }
}

const MOMENT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://d-1.awsapps.com/start/#/device?user_code=ABCD-EFGH";

    #[test]
    fn a_browser_is_opened_only_where_it_is_the_persons() {
        // (variables, a file that is there, on Linux, on macOS)
        for (variables, file, linux, mac) in [
            (&[][..], "", false, true),
            (&[("DISPLAY", ":0")], "", true, true),
            (&[("WAYLAND_DISPLAY", "wayland-0")], "", true, true),
            (&[("DISPLAY", "")], "", false, true),
            (&[("BROWSER", "firefox")], "", true, true),
            (&[("DISPLAY", ":0"), ("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")], "", false, false),
            (&[("DISPLAY", ":0"), ("SSH_CLIENT", "10.0.0.1 1 22")], "", false, false),
            (&[("DISPLAY", ":0"), ("SSH_TTY", "/dev/pts/1")], "", false, false),
            (&[("BROWSER", "firefox"), ("SSH_TTY", "/dev/pts/1")], "", false, false),
            (&[("DISPLAY", ":0"), ("container", "podman")], "", false, false),
            (&[("DISPLAY", ":0")], "/.dockerenv", false, false),
            (&[("DISPLAY", ":0")], "/run/.containerenv", false, false),
            (&[("DISPLAY", ":0")], "/etc/passwd", true, true),
        ] {
            let environment = Environment::from_iter(variables.iter().copied());
            let exists = |path: &Path| path == Path::new(file);
            assert_eq!(can_open_browser(&environment, true, exists), linux, "Linux, {variables:?} {file}");
            assert_eq!(can_open_browser(&environment, false, exists), mac, "macOS, {variables:?} {file}");
        }
    }

    #[test]
    fn the_browser_is_the_one_that_was_named() {
        for (browser, expected) in [
            ("firefox", vec![vec!["firefox", URL]]),
            ("firefox:w3m", vec![vec!["firefox", URL], vec!["w3m", URL]]),
            ("chrome --app=%s", vec![vec!["chrome", &format!("--app={URL}")]]),
            (":'/opt/my browser' %s -new:", vec![vec!["/opt/my browser", URL, "-new"]]),
            ("'unclosed", vec![]),
            ("", vec![vec![OPENER, URL]]),
        ] {
            let environment = Environment::from_iter([("BROWSER", browser)]);
            let expected: Vec<Vec<OsString>> =
                expected.into_iter().map(|words| words.into_iter().map(OsString::from).collect()).collect();
            assert_eq!(openers(&environment, URL), expected, "{browser}");
        }
    }

    #[test]
    fn only_web_addresses_are_opened() {
        for (url, good) in [
            (URL, true),
            ("http://127.0.0.1:8080/authorize", true),
            ("file:///etc/passwd", false),
            ("--version", false),
            ("/usr/bin/true", false),
            ("https://x.test/ --evil", false),
            ("https://x.test/\n", false),
        ] {
            assert_eq!(is_web_address(url), good, "{url}");
        }
    }

    fn person(browser: &str) -> Terminal {
        Terminal::new(Arc::new(Environment::from_iter([("PATH", "/usr/bin:/bin"), ("BROWSER", browser)])))
    }

    #[tokio::test]
    async fn the_address_goes_to_the_first_browser_that_works_as_one_word() {
        let folder = tempfile::tempdir().unwrap();
        let seen = folder.path().join("seen");
        // the last step is a rename, so that what is there is whole
        let script = format!("printf \"%%s|\" \"$@\" >{0}.new; mv {0}.new {0}", seen.display());
        let script = folder.path().join("browser").display().to_string().replace(' ', "") + "\n" + &script;
        let (path, body) = script.split_once('\n').unwrap();
        std::fs::write(path, body.replace("%%", "%")).unwrap();
        let browsers = format!("no-such-browser:false:sh {path} %s:sh {path} second");
        assert!(person(&browsers).open(URL).await);
        assert_eq!(std::fs::read_to_string(seen).unwrap(), format!("{URL}|"));
    }

    #[tokio::test]
    async fn a_browser_that_fails_at_once_was_not_opened() {
        for browser in ["false", "no-such-browser", "sh -c 'exit 3'"] {
            assert!(!person(browser).open(URL).await, "{browser}");
        }
        assert!(!person("true").open("file:///etc/passwd").await);
        assert!(person("true").open(URL).await);
    }

    #[tokio::test]
    async fn a_browser_in_the_foreground_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
        // it runs until somebody writes to its pipe
        let browser = format!("sh -c 'read line <{}'", pipe.display());
        assert!(person(&browser).open(URL).await);
        std::fs::OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
    }
}
