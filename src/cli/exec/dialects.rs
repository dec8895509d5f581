//! `--ec2`, `--ecs-task`, `--pod-identity`: which dialects the command finds its endpoint by.

use clap::Args;

use super::command::Command;
use crate::app::{Endpoint, Metadata};
use crate::cli::Trouble;
use crate::cli::child::Dialects;

/// The flags; without any it is ecs.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct DialectArgs {
    /// Give the credential as the instance metadata service of EC2 does (IMDSv2), on a port of its own
    #[arg(long)]
    pub ec2: bool,
    /// Besides, say which task of ECS the command is part of, as the task metadata endpoint does
    #[arg(long)]
    pub ecs_task: bool,
    /// Give the credential as EKS Pod Identity does, with a token file that is renewed
    #[arg(long)]
    pub pod_identity: bool,
}

impl DialectArgs {
    /// Whether the token goes into a file, as `--token-file` asks or EKS Pod Identity has it.
    ///
    /// # Errors
    ///
    /// Where a file is asked for that nothing would read.
    pub(super) fn token_in_file(self, asked: bool, command: &Command) -> Result<bool, Trouble> {
        if asked && self.ec2 && !self.pod_identity {
            let why =
                "--token-file has no token to give with --ec2: clients of the instance metadata take none of ours";
            return Err(Trouble::usage(command.cannot(), why).mend("the same without --token-file"));
        }
        Ok(asked || self.pod_identity)
    }

    /// What of AWS alone was asked for; `None`: nothing.
    pub(super) fn asked(self) -> Option<&'static str> {
        let flags = [(self.ec2, "--ec2"), (self.ecs_task, "--ecs-task"), (self.pod_identity, "--pod-identity")];
        flags.into_iter().find_map(|(asked, flag)| asked.then_some(flag))
    }

    /// What the endpoint opens besides; `region` is what was asked for.
    pub(super) fn metadata(self, region: Option<&str>, azure_imds: bool) -> Metadata {
        Metadata { ec2: self.ec2, ecs_task: self.ecs_task, azure_imds, region: region.map(str::to_owned) }
    }

    /// What the command is wired to, on an endpoint that was opened with [`DialectArgs::metadata`].
    pub(super) fn on(self, endpoint: &Endpoint) -> Dialects {
        Dialects {
            ec2: endpoint.metadata_base().filter(|_| self.ec2),
            pod_identity: self.pod_identity,
            task: endpoint.task_url().filter(|_| self.ecs_task),
        }
    }
}
