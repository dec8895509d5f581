//! `credenza import`: the accounts and roles of a sign-in become profiles of `~/.aws/config`.
//!
//! What is written, and what is left alone, is decided in `config/import`. Here somebody is asked, signs in first where that
//! is needed, and is told what came of it. With `--start-url` it starts from nothing: no file has to be there.

mod choice;
mod origin;

use std::io::{BufRead as _, IsTerminal as _};
use std::sync::Arc;

use clap::Args;

use self::choice::Choice;
use self::origin::Origin;
use super::login::{FirstArgs, somebody_is_there};
use super::{Context, Exit, Trouble, accounts, runtime, say};
use crate::app::aws_config::{AwsConfig, AwsConfigError};
use crate::app::portal::Listing;
use crate::config::import::{self, Edit, Filter, Outcome, Pair, Template, Wanted};
use crate::config::{Complaint, Config};

/// What `import` takes.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// An identity, or the name of an [sso-session] [default: as for login]
    #[arg(value_name = "SSO-SESSION", conflicts_with = "start_url")]
    pub name: Option<String>,
    /// Start from nothing: the address to sign in at, such as https://d-1234567890.awsapps.com/start
    #[arg(long, value_name = "URL", requires = "sso_region")]
    pub start_url: Option<String>,
    /// The region of IAM Identity Center, such as eu-central-1
    #[arg(long, value_name = "REGION", requires = "start_url")]
    pub sso_region: Option<String>,
    /// What the new [sso-session] is called [default: by the start URL, such as d-1234567890]
    #[arg(long, value_name = "NAME", requires = "start_url")]
    pub session: Option<String>,
    /// Only accounts whose number or name fits, such as 'prod-*'; may be given again
    #[arg(long, value_name = "GLOB")]
    pub accounts: Vec<String>,
    /// Only roles whose name fits, such as 'ReadOnly*'; may be given again
    #[arg(long, value_name = "GLOB")]
    pub roles: Vec<String>,
    /// How profiles are called, of {account_name}, {account_id}, {role}, {email}, {session} [default: {account_name}-{role}]
    #[arg(long = "name", value_name = "TEMPLATE", value_parser = Template::read)]
    pub template: Option<Template>,
    /// The region that each profile works with
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// Remove profiles that import wrote and that are not listed any more
    #[arg(long)]
    pub prune: bool,
    /// Print what would be written, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask: write all that fits
    #[arg(short, long)]
    pub yes: bool,
    /// Who is asked to sign in.
    #[command(flatten)]
    pub first: FirstArgs,
}

/// Imports.
pub fn run(arguments: ImportArgs, context: Context) -> Result<u8, Trouble> {
    runtime::begin(&context)?;
    runtime::wait_for(async {
        let config = Config::load(&context.world).map_err(|error| Trouble::of_app(CANNOT, &error.into()))?;
        let origin = Origin::of(&arguments, Arc::new(config), &context)?;
        let origin = if arguments.dry_run { origin } else { origin.written(&context)? };
        let session = &origin.session;
        let listing = accounts::listed(&context, &origin.config, session, arguments.first, CANNOT).await;
        let listing = listing.map_err(|trouble| origin.explain(trouble))?;
        if listing.pairs.is_empty() {
            return Err(Trouble::failed(CANNOT, accounts::nothing_assigned(session)));
        }
        let filter = Filter { accounts: arguments.accounts.clone(), roles: arguments.roles.clone() };
        for idle in filter.idle(&listing.pairs) {
            say::err(&format!("credenza: nothing fits {idle}\n"));
        }
        let chosen: Vec<Pair> = listing.pairs.iter().filter(|pair| filter.admits(pair)).cloned().collect();
        if chosen.is_empty() {
            let why = "no account with such a role is listed";
            let mend = format!("credenza list --accounts {}", quoted(&origin.name));
            return Err(Trouble::failed(CANNOT, why).mend(mend));
        }
        if arguments.prune && !listing.refused.is_empty() {
            say::err("credenza: that list has gaps, so nothing is removed\n");
        }
        let import = Import { arguments: &arguments, context: &context, origin: &origin, listing: &listing };
        import.write(chosen)
    })
}

const CANNOT: &str = "cannot import";

/// What stands, once the portal has told what there is.
struct Import<'a> {
    arguments: &'a ImportArgs,
    context: &'a Context,
    origin: &'a Origin,
    listing: &'a Listing,
}

impl Import<'_> {
    fn write(&self, chosen: Vec<Pair>) -> Result<u8, Trouble> {
        let ImportArgs { dry_run, yes, .. } = *self.arguments;
        let file = AwsConfig::read(&self.context.world, &self.origin.config.places).map_err(|error| refused(&error))?;
        let mut edit = self.edit(&file, &chosen)?;
        let shown = import::preview(&edit, &self.origin.name);
        if dry_run {
            say::out(&shown.iter().map(|line| format!("{line}\n")).collect::<String>());
            return Ok(0);
        }
        let has_patterns = !(self.arguments.accounts.is_empty() && self.arguments.roles.is_empty());
        if edit.text != file.text() && !has_patterns && !yes && may_be_asked() {
            let changes = choice::changes(&edit);
            say::err(&choice::numbered(&shown, &edit));
            match ask(&choice::question(&edit, &file.path.display().to_string()), changes.len()) {
                Choice::All => {}
                Choice::None => {
                    say::err("credenza: nothing was written\n");
                    return Ok(1);
                }
                Choice::Some(numbers) => {
                    let chosen: Vec<Pair> = numbers.iter().map(|number| changes[number - 1].pair.clone()).collect();
                    edit = self.edit(&file, &chosen)?;
                }
            }
        } else {
            shown.iter().filter(|line| line.starts_with('!')).for_each(|line| say::err(&format!("{line}\n")));
        }
        if edit.text != file.text() {
            file.write(&edit.text, &self.context.world).map_err(|error| refused(&error))?;
        }
        say::err(&told(&edit, &file));
        Ok(0)
    }

    fn edit(&self, file: &AwsConfig, chosen: &[Pair]) -> Result<Edit, Trouble> {
        // what the portal does not tell of is not gone
        let prune = self.arguments.prune && self.listing.refused.is_empty();
        let template = self.arguments.template.clone().unwrap_or_default();
        let listed = &self.listing.pairs;
        let profile_region = self.arguments.region.as_deref();
        let wanted = Wanted { listed, chosen, template: &template, profile_region, prune, ..self.origin.wanted(file) };
        import::edit(file.text(), &wanted).map_err(|complaint| misfit(&complaint))
    }
}

/// Whether there is somebody who reads a question and can answer it.
fn may_be_asked() -> bool {
    somebody_is_there() && std::io::stdin().is_terminal()
}

/// Asks until an answer can be understood; whoever goes away says no.
fn ask(question: &str, most: usize) -> Choice {
    loop {
        say::err(question);
        let mut answer = String::new();
        match std::io::stdin().lock().read_line(&mut answer) {
            Ok(read) if read > 0 => {}
            _ => return Choice::None,
        }
        match choice::understood(&answer, most) {
            Some(choice) => return choice,
            None => say::err(&format!("That is neither y nor n, nor numbers from 1 to {most}.\n")),
        }
    }
}

/// What came of it, in a line, and what to do next.
fn told(edit: &Edit, file: &AwsConfig) -> String {
    let count = |holds: fn(&Outcome) -> bool| edit.names(holds).len();
    let counts = [
        (count(|outcome| matches!(outcome, Outcome::Added(_))), "added"),
        (count(|outcome| matches!(outcome, Outcome::Changed(_))), "set right"),
        (count(|outcome| *outcome == Outcome::Removed), "removed"),
        (count(|outcome| *outcome == Outcome::Unchanged), "as they were"),
        (count(|outcome| *outcome == Outcome::Gone), "not listed any more"),
        (count(|outcome| matches!(outcome, Outcome::Left(_))), "left alone"),
    ];
    let counts: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    let told = format!("credenza: profiles of {}: {}\n", file.path.display(), counts.join(", "));
    let name =
        edit.names(|outcome| matches!(outcome, Outcome::Added(_))).first().copied().or_else(|| {
            edit.names(|outcome| matches!(outcome, Outcome::Changed(_) | Outcome::Unchanged)).first().copied()
        });
    let next = name.map(|name| format!("  try: credenza exec {} -- aws sts get-caller-identity\n", quoted(name)));
    told + &next.unwrap_or_default()
}

fn quoted(word: &str) -> String {
    shlex::try_quote(word).map_or_else(|_| word.to_owned(), Into::into)
}

fn refused(error: &AwsConfigError) -> Trouble {
    let exit = if matches!(error, AwsConfigError::Changed { .. }) { Exit::Failed } else { Exit::Configuration };
    Trouble::new(exit, CANNOT, error.to_string())
}

/// What is wanted cannot stand in the file.
fn misfit(complaint: &Complaint) -> Trouble {
    Trouble::configuration(CANNOT, complaint.to_string())
}
