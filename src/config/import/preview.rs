//! [`preview`]: what an edit does, for people. `import` prints it, with `--dry-run` and without.

use super::{Edit, Outcome, Why};

/// A line for each profile, in columns: `+` added, `~` set right, `=` as it was, `-` removed, `!` left, with the reason.
///
/// ```text
/// + Prod-Admin       Prod (111122223333)  Admin
/// ! Test-Admin       Test (444455556666)  Admin     has a profile already: test
/// ```
pub fn preview(edit: &Edit, session: &str) -> Vec<String> {
    let mut rows: Vec<[String; 5]> = Vec::new();
    if edit.session_added {
        rows.push(["+", &format!("[sso-session {session}]"), "", "", ""].map(str::to_owned));
    }
    for profile in &edit.profiles {
        let (sign, reason) = told(&profile.outcome);
        let account = match profile.pair.account_name.trim() {
            "" => profile.pair.account_id.clone(),
            name => format!("{name} ({})", profile.pair.account_id),
        };
        let row = [sign, &profile.name, &account, &profile.pair.role_name, &reason];
        // a name from the portal may hold what a terminal would obey
        rows.push(row.map(|text| text.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect()));
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let (name, account, role) = (width(1), width(2), width(3));
    let line = |row: &[String; 5]| {
        let [sign, profile, of, as_role, reason] = row;
        format!("{sign} {profile:name$}  {of:account$}  {as_role:role$}  {reason}").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn told(outcome: &Outcome) -> (&'static str, String) {
    match outcome {
        Outcome::Added(None) => ("+", String::new()),
        Outcome::Added(Some(name)) => ("+", format!("more than one would be called {name}")),
        Outcome::Changed(keys) => ("~", format!("set right: {}", keys.join(", "))),
        Outcome::Unchanged => ("=", String::new()),
        Outcome::Left(Why::SamePair(name)) => ("!", format!("has a profile already: {name}")),
        Outcome::Left(Why::Taken) => {
            ("!", "left: a profile of this name is there that import did not write; give another --name".to_owned())
        }
        Outcome::Left(Why::Unwritable) => ("!", "left: the account or the role cannot be written".to_owned()),
        Outcome::Gone => ("!", "not listed any more: it stays, unless --prune is given".to_owned()),
        Outcome::Removed => ("-", "not listed any more".to_owned()),
    }
}
