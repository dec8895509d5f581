//! The steps of a plan done: each by its command, looked at afterwards, and taken back where a later one fails.

use std::ffi::OsString;
use std::future::Future;
use std::io;
use std::time::Duration;

use thiserror::Error;

use super::machine::Machine;
use super::plan::Step;
use crate::world::process::{Run, Seat};
use crate::world::{Environment, World, programs};

/// What steps are done with.
pub trait Hands {
    /// Runs a step's command; why it failed, in words.
    fn run(&self, step: &Step) -> impl Future<Output = Result<(), String>>;
    /// Whether the machine is as it is after the step.
    fn is_done(&self, step: &Step) -> io::Result<bool>;
}

/// Something failed.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{}", said(.failed, .undone))]
pub struct Unfinished {
    /// Each command that failed, and why.
    pub failed: Vec<(String, String)>,
    /// The commands that took back what had been done before.
    pub undone: Vec<String>,
}

fn said(failed: &[(String, String)], undone: &[String]) -> String {
    let failed: Vec<String> = failed.iter().map(|(command, why)| format!("`{command}`: {why}")).collect();
    let undone = undone.iter().map(|command| format!("; undone by `{command}`"));
    failed.join("; ") + &undone.collect::<String>()
}

/// Does all of it or nothing: where a step fails, those before it are taken back, the last one first.
pub async fn apply(steps: &[Step], hands: &impl Hands) -> Result<(), Unfinished> {
    for (at, step) in steps.iter().enumerate() {
        let Err(why) = one(step, hands).await else { continue };
        let mut failed = vec![(step.command(), why)];
        let mut undone = Vec::new();
        // the failed one too, should it have come half-way
        let half_way = hands.is_done(step).is_ok_and(|done| done);
        for back in steps[..at + usize::from(half_way)].iter().rev().map(Step::reverse) {
            match one(&back, hands).await {
                Ok(()) => undone.push(back.command()),
                Err(why) => failed.push((back.command(), why)),
            }
        }
        return Err(Unfinished { failed, undone });
    }
    Ok(())
}

/// Does as much of it as can be done: what stays behind is no reason for more to stay.
pub async fn undo(steps: &[Step], hands: &impl Hands) -> Result<(), Unfinished> {
    let mut failed = Vec::new();
    for step in steps {
        if let Err(why) = one(step, hands).await {
            failed.push((step.command(), why));
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(Unfinished { failed, undone: Vec::new() }) }
}

async fn one(step: &Step, hands: &impl Hands) -> Result<(), String> {
    hands.run(step).await?;
    match hands.is_done(step) {
        Ok(true) => Ok(()),
        Ok(false) => Err("it ended well, and nothing has changed".to_owned()),
        Err(error) => Err(format!("cannot see what it did: {error}")),
    }
}

/// The programs of this system.
#[derive(Debug)]
pub struct SystemHands<'a> {
    /// The outside.
    pub world: &'a World,
}

impl Hands for SystemHands<'_> {
    async fn run(&self, step: &Step) -> Result<(), String> {
        let mut argv = step.words();
        let name = argv[0].to_string_lossy().into_owned();
        let path = programs::of_the_system(&name).ok_or_else(|| missing(&name))?;
        argv[0] = path.into();
        let run = Run {
            argv,
            environment: Environment::from_iter([("PATH", programs::FOLDERS), ("LC_ALL", "C")].map(owned)),
            input: None,
            time_limit: TIME_LIMIT,
            output_limit: OUTPUT_LIMIT,
            seat: Seat::Background,
        };
        let ran = self.world.processes.run(run).await.map_err(|error| error.to_string())?;
        match ran.code {
            Some(0) => Ok(()),
            code => {
                let said = String::from_utf8_lossy(&ran.stderr).trim().replace('\n', ", ");
                let code = code.map_or_else(|| "by a signal".to_owned(), |code| format!("with {code}"));
                Err(if said.is_empty() { format!("ended {code}") } else { said })
            }
        }
    }

    fn is_done(&self, step: &Step) -> io::Result<bool> {
        Machine::look(self.world).map(|machine| step.is_done(&machine))
    }
}

fn owned((name, value): (&str, &str)) -> (OsString, OsString) {
    (name.into(), value.into())
}

fn missing(name: &str) -> String {
    let package = if name == "ip" { "iproute2" } else { "libcap2-bin (Debian), libcap (Fedora)" };
    format!("there is no {name} in {}: install {package}", programs::FOLDERS)
}

const TIME_LIMIT: Duration = Duration::from_secs(20);
const OUTPUT_LIMIT: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// A machine on which one command fails, and another does nothing.
    #[derive(Default)]
    struct Pretended {
        fails: &'static str,
        idles: &'static str,
        ran: RefCell<Vec<String>>,
        done: RefCell<Vec<Step>>,
    }

    impl Hands for Pretended {
        async fn run(&self, step: &Step) -> Result<(), String> {
            let command = step.command();
            self.ran.borrow_mut().push(command.clone());
            if !self.fails.is_empty() && command.contains(self.fails) {
                return Err("not today".to_owned());
            }
            if self.idles.is_empty() || !command.contains(self.idles) {
                self.done.borrow_mut().push(step.clone());
            }
            Ok(())
        }

        fn is_done(&self, step: &Step) -> io::Result<bool> {
            Ok(self.done.borrow().contains(step))
        }
    }

    fn steps() -> [Step; 3] {
        let address = |word: &str| super::super::read(word).unwrap().ip();
        [
            Step::Add(address("169.254.169.254")),
            Step::Add(address("fd00:ec2::254")),
            Step::Allow("/usr/local/bin/credenza".into()),
        ]
    }

    #[tokio::test]
    async fn a_failure_takes_back_what_was_done_the_last_first() {
        for pretended in
            [Pretended { fails: "+ep", ..Pretended::default() }, Pretended { idles: "+ep", ..Pretended::default() }]
        {
            let error = apply(&steps(), &pretended).await.unwrap_err();
            let ran = pretended.ran.borrow().join("\n");
            assert_eq!(
                ran,
                "ip address add 169.254.169.254/32 dev lo scope host\n\
                 ip -6 address add fd00:ec2::254/128 dev lo nodad\n\
                 setcap cap_net_bind_service=+ep /usr/local/bin/credenza\n\
                 ip -6 address del fd00:ec2::254/128 dev lo\n\
                 ip address del 169.254.169.254/32 dev lo"
            );
            assert_eq!(error.failed.len(), 1, "{error}");
            assert_eq!(error.undone.len(), 2, "{error}");
        }
        let first = Pretended { fails: "add", ..Pretended::default() };
        assert_eq!(apply(&steps(), &first).await.unwrap_err().undone, Vec::<String>::new());
        assert_eq!(first.ran.borrow().len(), 1);
    }

    #[tokio::test]
    async fn what_cannot_be_taken_back_is_said() {
        let steps = [Step::Add("169.254.169.254".parse().unwrap()), Step::Remove("169.254.170.2".parse().unwrap())];
        let pretended = Pretended { fails: "del", ..Pretended::default() };
        let said = apply(&steps, &pretended).await.unwrap_err().to_string();
        assert_eq!(
            said,
            "`ip address del 169.254.170.2/32 dev lo`: not today; `ip address del 169.254.169.254/32 dev lo`: not today"
        );
    }

    #[tokio::test]
    async fn undoing_goes_on_after_a_failure() {
        let back = steps().map(|step| step.reverse());
        let pretended = Pretended { fails: "169.254", ..Pretended::default() };
        let error = undo(&back, &pretended).await.unwrap_err();
        assert_eq!(pretended.ran.borrow().len(), 3);
        assert_eq!(error.failed, [("ip address del 169.254.169.254/32 dev lo".to_owned(), "not today".to_owned())]);
        assert_eq!(undo(&back, &Pretended::default()).await, Ok(()));
    }
}
