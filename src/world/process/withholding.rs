//! [`Withholding`]: helper programs that do not get some variables of ours: those that hold long-term keys.

use std::sync::Arc;

use super::{Processes, Ran, Run, RunError};
use crate::world::{BoxFuture, World};

/// Runs programs as another does, and takes some variables out of their environments.
pub struct Withholding {
    inner: Arc<dyn Processes>,
    variables: Vec<String>,
}

impl Withholding {
    /// The same world, whose helper programs do not get these variables: `BOOT_SECRET_ACCESS_KEY` where `keys = "env:BOOT"`.
    pub fn of(world: &World, variables: &[String]) -> World {
        if variables.is_empty() {
            return world.clone();
        }
        let withholding = Self { inner: Arc::clone(&world.processes), variables: variables.to_vec() };
        World { processes: Arc::new(withholding), ..world.clone() }
    }
}

impl Processes for Withholding {
    fn run(&self, run: Run) -> BoxFuture<'static, Result<Ran, RunError>> {
        let variables: Vec<&str> = self.variables.iter().map(String::as_str).collect();
        self.inner.run(Run { environment: run.environment.clone().without(&variables), ..run })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::world::Environment;
    use crate::world::process::Seat;

    #[tokio::test]
    async fn a_program_gets_all_but_what_is_withheld() {
        let withheld = ["BOOT_ACCESS_KEY_ID", "BOOT_SECRET_ACCESS_KEY"].map(str::to_owned);
        let world = Withholding::of(&World::system(), &withheld);
        let kept = [("PATH", "/usr/bin:/bin"), ("BOOT_REGION", "r"), ("AWS_SECRET_ACCESS_KEY", "kept")];
        let all = kept.into_iter().chain([("BOOT_ACCESS_KEY_ID", "AKIA"), ("BOOT_SECRET_ACCESS_KEY", "s")]);
        let run = Run {
            argv: vec!["env".into()],
            environment: Environment::from_iter(all),
            time_limit: Duration::from_secs(20),
            output_limit: 4096,
            input: None,
            seat: Seat::default(),
        };
        let ran = world.processes.run(run).await.unwrap();
        let said = String::from_utf8(ran.stdout.to_vec()).unwrap();
        let mut lines: Vec<&str> = said.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["AWS_SECRET_ACCESS_KEY=kept", "BOOT_REGION=r", "PATH=/usr/bin:/bin"]);
    }
}
