//! [`Filter`]: which pairs are meant by `--accounts` and `--roles`. Pure; called by `import`.

use super::Pair;

/// Patterns for accounts and roles. None of a kind means all; of several, one must fit.
///
/// `*` stands for any letters, `?` for one; the whole text must fit, upper and lower case are the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// For the account's number or its name: `1111*`, `prod-*`.
    pub accounts: Vec<String>,
    /// For the role's name: `ReadOnly*`.
    pub roles: Vec<String>,
}

impl Filter {
    /// Whether a pair is meant.
    pub fn admits(&self, pair: &Pair) -> bool {
        let account = |pattern: &String| fits(pattern, &pair.account_id) || fits(pattern, &pair.account_name);
        (self.accounts.is_empty() || self.accounts.iter().any(account))
            && (self.roles.is_empty() || self.roles.iter().any(|pattern| fits(pattern, &pair.role_name)))
    }

    /// The patterns that fit no pair: most likely mistyped.
    pub fn idle(&self, pairs: &[Pair]) -> Vec<&str> {
        let account = |pattern: &&String| {
            !pairs.iter().any(|pair| fits(pattern, &pair.account_id) || fits(pattern, &pair.account_name))
        };
        let role = |pattern: &&String| !pairs.iter().any(|pair| fits(pattern, &pair.role_name));
        let accounts = self.accounts.iter().filter(account);
        accounts.chain(self.roles.iter().filter(role)).map(String::as_str).collect()
    }
}

/// Whether a text fits a pattern. Takes at most the product of both lengths in steps.
fn fits(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.to_lowercase().chars().collect();
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let (mut at, mut read) = (0, 0);
    // where the last star stands, and up to where it has taken the text
    let mut star: Option<(usize, usize)> = None;
    while read < text.len() {
        match (pattern.get(at), star) {
            (Some('*'), _) => {
                star = Some((at, read));
                at += 1;
            }
            (Some(letter), _) if *letter == '?' || *letter == text[read] => {
                at += 1;
                read += 1;
            }
            (_, Some((place, taken))) => {
                star = Some((place, taken + 1));
                at = place + 1;
                read = taken + 1;
            }
            (_, None) => return false,
        }
    }
    pattern[at..].iter().all(|letter| *letter == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("prod*", "Prod EU", true),
            ("PROD", "prod", true),
            ("prod", "prod-eu", false),
            ("*eu", "prod-eu-eu", true),
            ("*-*-x", "a-b-c-x", true),
            ("*-*-x", "a-x", false),
            ("p??d", "prod", true),
            ("p?d", "prod", false),
            ("?", "", false),
            ("a**b", "ab", true),
            ("[a]", "a", false),
            ("mü*", "MÜNCHEN", true),
            ("*a*a*a*a*a*a*a*a*b", &"a".repeat(500), false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern:?} {text:?}");
        }
    }

    #[test]
    fn several_patterns_and_none() {
        let pair = Pair::new("111122223333", "Prod EU", "Admin");
        let filter = |accounts: &[&str], roles: &[&str]| Filter {
            accounts: accounts.iter().map(ToString::to_string).collect(),
            roles: roles.iter().map(ToString::to_string).collect(),
        };
        assert!(filter(&[], &[]).admits(&pair));
        assert!(filter(&["x", "1111*"], &[]).admits(&pair));
        assert!(filter(&["prod ??"], &["x", "admin"]).admits(&pair));
        assert!(!filter(&["prod*"], &["read*"]).admits(&pair));
        assert!(!filter(&["test*"], &[]).admits(&pair));
        assert_eq!(filter(&["x", "1111*"], &["y", "*"]).idle(&[pair]), ["x", "y"]);
    }
}
